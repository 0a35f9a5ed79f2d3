// For people that several programs or machines share, over a running `facevault serve`. An app that uses them alone
// takes the package of bindings/swift instead (its README.md): the same engine in its own process, without a server.
import Foundation
#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

struct Answer: Decodable {
    struct Person: Decodable { let name: String }
    let data: Person?
    let message: String?
}

let environment = ProcessInfo.processInfo.environment
guard
    let base = environment["FACEVAULT_URL"],
    let token = environment["FACEVAULT_TOKEN"],
    let person = environment["FACEVAULT_PERSON"],
    let url = URL(string: "\(base)/v2/face-recognition/persons/\(person)")
else { fatalError("set FACEVAULT_URL, FACEVAULT_TOKEN and FACEVAULT_PERSON") }

var request = URLRequest(url: url)
request.httpMethod = "PUT"
request.setValue("Bearer \(token)", forHTTPHeaderField: "Authorization")
request.setValue("application/json", forHTTPHeaderField: "Content-Type")
request.httpBody = try JSONEncoder().encode([
    "name": "John Doe Updated", "gender": "M", "notes": "Updated VIP customer",
])

let done = DispatchSemaphore(value: 0)
var failed = true
URLSession.shared.dataTask(with: request) { body, _, error in
    defer { done.signal() }
    let answer = body.flatMap { try? JSONDecoder().decode(Answer.self, from: $0) }
    if let name = answer?.data?.name {
        print(name)
        failed = false
    } else {
        let reason = answer?.message ?? error?.localizedDescription ?? "no answer"
        FileHandle.standardError.write(Data("\(reason)\n".utf8))
    }
}.resume()
done.wait()
exit(failed ? 1 : 0)
