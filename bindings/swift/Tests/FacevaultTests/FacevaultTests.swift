import XCTest

@testable import Facevault

final class FacevaultTests: XCTestCase {
    func testAPersonIsCreatedUpdatedAndRemoved() throws {
        let vault = try Vault(path: nil)
        _ = try vault.call("create_person", #"{"_id": "ada", "name": "Ada", "notes": "first"}"#)
        let updated = try vault.call("update_person", #"{"id": "ada", "name": "Ada Lovelace", "notes": null}"#)
        let person = try XCTUnwrap(JSONSerialization.jsonObject(with: updated) as? [String: Any])
        XCTAssertEqual(person["name"] as? String, "Ada Lovelace")
        XCTAssertEqual(person["version"] as? Int, 2)
        XCTAssertThrowsError(try vault.call("update_person", #"{"id": "ada", "name": null}"#)) { error in
            XCTAssertEqual((error as? FacevaultError)?.kind, "invalid")
        }
        _ = try vault.call("remove_person", #"{"id": "ada"}"#)
        XCTAssertThrowsError(try vault.call("person", #"{"id": "ada"}"#)) { error in
            XCTAssertEqual((error as? FacevaultError)?.kind, "not_found")
        }
    }

    func testPhotosWithoutAnEngineAreAnError() throws {
        let vault = try Vault(path: nil)
        XCTAssertThrowsError(try vault.call("create_person", #"{"name": "Ada"}"#, photos: [Data([1, 2, 3])])) { error in
            XCTAssertEqual((error as? FacevaultError)?.kind, "model_unavailable")
        }
    }
}
