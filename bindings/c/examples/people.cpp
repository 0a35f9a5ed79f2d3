// A vault in C++: handles that close themselves, errors as exceptions, progress as a function object.
//
//     c++ -Wall -Wextra -Werror people.cpp $(pkg-config --cflags --libs facevault) -o people

#include <facevault.h>

#include <functional>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>

namespace {

struct Closes {
    void operator()(facevault_vault *vault) const { facevault_vault_close(vault); }
};
using Vault = std::unique_ptr<facevault_vault, Closes>;

class Error : public std::runtime_error {
public:
    Error(facevault_status status, const char *message, const char *json)
        : std::runtime_error(message), status(status), json(json) {}
    facevault_status status;
    std::string json;
};

// It takes the error's address: the call that sets it is an argument too, and may come later.
void check(facevault_status status, facevault_error **error) {
    if (status == FACEVAULT_OK) {
        return;
    }
    Error thrown(status, facevault_error_message(*error), facevault_error_json(*error));
    facevault_error_free(*error);
    throw thrown;
}

Vault in_memory() {
    facevault_vault *vault = nullptr;
    facevault_error *error = nullptr;
    check(facevault_vault_open(nullptr, nullptr, nullptr, &vault, &error), &error);
    return Vault(vault);
}

using Watch = std::function<bool(std::uint64_t done, std::uint64_t total)>;

// An exception must not leave a callback: it asks to stop instead.
extern "C" int watched(void *user, const facevault_step *step) {
    try {
        return (*static_cast<Watch *>(user))(step->done, step->total) ? 0 : 1;
    } catch (...) {
        return 1;
    }
}

std::string call(const Vault &vault, const std::string &verb, const std::string &request, Watch watch = nullptr) {
    facevault_buffer answer{};
    facevault_error *error = nullptr;
    check(facevault_vault_call(vault.get(), verb.c_str(), request.c_str(), nullptr, 0, watch ? watched : nullptr, &watch,
                               &answer, &error),
          &error);
    std::string text(static_cast<const char *>(answer.data), answer.size);
    facevault_buffer_free(&answer);
    return text;
}

}  // namespace

int main(int argc, char **argv) {
    try {
        const Vault vault = in_memory();
        call(vault, "create_persons", R"({"persons": [{"_id": "ada", "name": "Ada"}, {"_id": "bob", "name": "Bob"}]})");
        std::cout << call(vault, "update_person", R"({"id": "ada", "nationality": "GB"})") << '\n';
        try {
            call(vault, "update_person", R"({"id": "ada", "name": null, "shoe_size": 43})");
        } catch (const Error &error) {
            std::cout << error.what() << '\n' << error.json << '\n';
        }
        if (argc > 1) {
            const auto watch = [](std::uint64_t done, std::uint64_t total) {
                std::cout << done << " of " << total << " bytes\n";
                return true;
            };
            std::cout << call(vault, "backup", R"({"path": ")" + std::string(argv[1]) + R"("})", watch) << '\n';
        }
    } catch (const Error &error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
}
