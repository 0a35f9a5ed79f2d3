/* What the boundary does with null pointers, handles of another kind, handles that are closed, random bytes, sizes that
 * cannot be, and threads that close a vault while others use it: an error each time. misuse [opens] */

#include <facevault.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int checks;

#define CHECK(what)                                                         \
    do {                                                                    \
        checks++;                                                           \
        if (!(what)) {                                                      \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #what); \
            exit(1);                                                        \
        }                                                                   \
    } while (0)

static facevault_vault *in_memory(void) {
    facevault_vault *vault = NULL;
    facevault_error *error = NULL;
    CHECK(facevault_vault_open(NULL, NULL, NULL, &vault, &error) == FACEVAULT_OK);
    CHECK(vault != NULL && error == NULL);
    return vault;
}

static facevault_status call(const facevault_vault *vault, const char *verb, const char *request) {
    facevault_buffer answer = {NULL, 0};
    facevault_status status = facevault_vault_call(vault, verb, request, NULL, 0, NULL, NULL, &answer, NULL);
    CHECK((status == FACEVAULT_OK) == (answer.data != NULL));
    CHECK(facevault_buffer_free(&answer) == FACEVAULT_OK);
    return status;
}

static void null_pointers(void) {
    facevault_vault *vault = in_memory();
    facevault_error *error = NULL;
    facevault_buffer answer;
    CHECK(facevault_vault_call(NULL, "persons", NULL, NULL, 0, NULL, NULL, &answer, &error) == FACEVAULT_INVALID);
    CHECK(strstr(facevault_error_message(error), "\"vault\" must not be NULL") != NULL);
    CHECK(strcmp(facevault_error_kind(error), "invalid") == 0 && answer.data == NULL && answer.size == 0);
    CHECK(strstr(facevault_error_json(error), "\"details\":[{\"field\":\"vault\"") != NULL);
    CHECK(facevault_error_free(error) == FACEVAULT_OK);
    CHECK(facevault_vault_call(vault, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL) == FACEVAULT_INVALID);
    CHECK(facevault_vault_call(vault, "persons", NULL, NULL, 0, NULL, NULL, NULL, NULL) == FACEVAULT_OK);
    CHECK(facevault_vault_call(vault, "create_person", "{\"name\": \"A\"}", NULL, 3, NULL, NULL, NULL, NULL) ==
          FACEVAULT_INVALID);
    CHECK(facevault_vault_open(NULL, NULL, NULL, NULL, NULL) == FACEVAULT_INVALID);
    CHECK(facevault_engine_open("{\"pack\": 1}", NULL, NULL) == FACEVAULT_INVALID);
    CHECK(facevault_vault_as(vault, NULL, NULL, NULL) == FACEVAULT_INVALID);
    CHECK(facevault_vault_bytes(vault, "photo", NULL, NULL, NULL) == FACEVAULT_INVALID);
    CHECK(facevault_vault_matrix(NULL, NULL, NULL, NULL) == FACEVAULT_INVALID);
    CHECK(facevault_vault_call_vectors(vault, "identify_encodings", NULL, NULL, 1, 4, NULL, NULL) == FACEVAULT_INVALID);
    CHECK(facevault_picture_call(NULL, "detect", NULL, NULL, NULL, NULL) == FACEVAULT_INVALID);
    CHECK(facevault_rekey(NULL, NULL, NULL, NULL, NULL, NULL) == FACEVAULT_INVALID);
    CHECK(facevault_rekey("none.vault", "{\"to\": {\"key\": 7}}", NULL, NULL, NULL, NULL) ==
          (facevault_has_encryption() ? FACEVAULT_INVALID : FACEVAULT_UNSUPPORTED));
    CHECK(facevault_vault_close(NULL) == FACEVAULT_OK && facevault_engine_close(NULL) == FACEVAULT_OK);
    CHECK(facevault_error_free(NULL) == FACEVAULT_OK && facevault_buffer_free(NULL) == FACEVAULT_OK);
    CHECK(facevault_error_message(NULL) == NULL && facevault_error_status(NULL) == FACEVAULT_OK);
    CHECK(facevault_vault_close(vault) == FACEVAULT_OK);
}

/* A vault opens with its key alone; without encryption in the library, a key is an error of its own. */
static void keys(void) {
    char path[] = "/tmp/facevault-key-XXXXXX", options[300], change[400];
    static const char key[] = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    facevault_vault *vault = NULL;
    facevault_error *error = NULL;
    CHECK(mkdtemp(path) != NULL);
    strcat(strcpy(options, path), "/a.vault");
    char *file = strdup(options);
    snprintf(options, sizeof options, "{\"mode\": \"create\", \"key\": \"%s\"}", key);
    snprintf(change, sizeof change, "{\"from\": {\"key\": \"%s\"}, \"to\": {\"passphrase\": \"a long passphrase\"}}", key);
    facevault_status status = facevault_vault_open(file, options, NULL, &vault, &error);
    if (!facevault_has_encryption()) {
        CHECK(status == FACEVAULT_UNSUPPORTED && strstr(facevault_error_json(error), key) == NULL);
        facevault_error_free(error);
        CHECK(facevault_rekey(file, change, NULL, NULL, NULL, NULL) == FACEVAULT_UNSUPPORTED);
    } else {
        CHECK(status == FACEVAULT_OK && call(vault, "create_person", "{\"name\": \"Ada\"}") == FACEVAULT_OK);
        CHECK(facevault_rekey(file, change, NULL, NULL, NULL, NULL) == FACEVAULT_BUSY);
        CHECK(facevault_vault_close(vault) == FACEVAULT_OK);
        CHECK(facevault_rekey(file, change, NULL, NULL, NULL, NULL) == FACEVAULT_OK);
        CHECK(facevault_vault_open(file, "{}", NULL, &vault, NULL) == FACEVAULT_KEY);
        CHECK(facevault_vault_open(file, "{\"passphrase\": \"short\"}", NULL, &vault, NULL) == FACEVAULT_INVALID);
        CHECK(facevault_vault_open(file, "{\"passphrase\": \"a long passphrase\"}", NULL, &vault, NULL) == FACEVAULT_OK);
        CHECK(call(vault, "persons", NULL) == FACEVAULT_OK && facevault_vault_close(vault) == FACEVAULT_OK);
    }
    snprintf(options, sizeof options, "rm -rf '%s'", path);
    CHECK(system(options) == 0);
    free(file);
}

static void wrong_handles(void) {
    facevault_vault *vault = in_memory();
    facevault_error *error = NULL;
    int own = 7;
    CHECK(facevault_engine_close((facevault_engine *)vault) == FACEVAULT_INVALID);
    CHECK(facevault_error_free((facevault_error *)vault) == FACEVAULT_INVALID);
    CHECK(facevault_error_message((facevault_error *)vault) == NULL);
    CHECK(facevault_engine_call((facevault_engine *)vault, "describe", NULL, NULL, 0, NULL, NULL, NULL, &error) ==
          FACEVAULT_INVALID);
    CHECK(strstr(facevault_error_message(error), "of another kind") != NULL);
    CHECK(call((facevault_vault *)error, "persons", NULL) == FACEVAULT_INVALID);
    CHECK(call((facevault_vault *)&own, "persons", NULL) == FACEVAULT_INVALID);
    CHECK(call((facevault_vault *)1, "persons", NULL) == FACEVAULT_INVALID);
    CHECK(facevault_error_free(error) == FACEVAULT_OK);
    CHECK(facevault_error_free(error) == FACEVAULT_INVALID);
    CHECK(facevault_error_message(error) == NULL);
    CHECK(facevault_vault_close(vault) == FACEVAULT_OK);
    CHECK(facevault_vault_close(vault) == FACEVAULT_INVALID);
    CHECK(facevault_vault_call(vault, "persons", NULL, NULL, 0, NULL, NULL, NULL, &error) == FACEVAULT_INVALID);
    CHECK(strstr(facevault_error_message(error), "must be an open handle; this one is closed") != NULL);
    facevault_error_free(error);
    facevault_vault *other = in_memory();
    CHECK(other != vault && call(vault, "persons", NULL) == FACEVAULT_INVALID);
    CHECK(facevault_vault_close(other) == FACEVAULT_OK);
}

static void buffers(void) {
    facevault_vault *vault = in_memory();
    facevault_buffer answer;
    CHECK(facevault_vault_call(vault, "describe", NULL, NULL, 0, NULL, NULL, &answer, NULL) == FACEVAULT_OK);
    CHECK((uintptr_t)answer.data % 16 == 0 && strlen(answer.data) == answer.size);
    facevault_buffer copy = answer;
    CHECK(facevault_buffer_free(&answer) == FACEVAULT_OK && answer.data == NULL && answer.size == 0);
    CHECK(facevault_buffer_free(&answer) == FACEVAULT_OK);
    CHECK(facevault_buffer_free(&copy) == FACEVAULT_INVALID);
    facevault_buffer own = {&checks, sizeof checks};
    CHECK(facevault_buffer_free(&own) == FACEVAULT_INVALID);
    CHECK(facevault_vault_close(vault) == FACEVAULT_OK);
}

static void sizes(void) {
    facevault_vault *vault = in_memory();
    static const char byte = 1;
    static const float number = 1;
    facevault_bytes huge = {&byte, SIZE_MAX}, large = {&byte, SIZE_MAX / 2 + 1}, none = {NULL, 5};
    const char *request = "{\"name\": \"A\"}";
    CHECK(facevault_vault_call(vault, "create_person", request, &huge, 1, NULL, NULL, NULL, NULL) == FACEVAULT_INVALID);
    CHECK(facevault_vault_call(vault, "create_person", request, &large, 1, NULL, NULL, NULL, NULL) == FACEVAULT_INVALID);
    CHECK(facevault_vault_call(vault, "create_person", request, &none, 1, NULL, NULL, NULL, NULL) == FACEVAULT_INVALID);
    CHECK(facevault_vault_call(vault, "create_person", request, &huge, SIZE_MAX, NULL, NULL, NULL, NULL) ==
          FACEVAULT_INVALID);
    const char *verb = "identify_encodings";
    CHECK(facevault_vault_call_vectors(vault, verb, NULL, &number, SIZE_MAX, 2, NULL, NULL) == FACEVAULT_INVALID);
    CHECK(facevault_vault_call_vectors(vault, verb, NULL, &number, SIZE_MAX / 2, SIZE_MAX / 2, NULL, NULL) ==
          FACEVAULT_INVALID);
    const float *odd = (const float *)((const char *)&number + 1);
    CHECK(facevault_vault_call_vectors(vault, verb, NULL, odd, 1, 1, NULL, NULL) == FACEVAULT_INVALID);
    CHECK(call(vault, "persons", NULL) == FACEVAULT_OK);
    CHECK(facevault_vault_close(vault) == FACEVAULT_OK);
}

/* A generator of the test's own: the same numbers everywhere. */
static uint64_t state = 88172645463325252ULL;

static uint64_t random_number(uint64_t below) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % below;
}

static void random_requests(int count) {
    static const char *verbs[] = {"create_person", "update_person", "person", "persons", "identify_encodings",
                                  "create_persons", "update_collection", "audit", "changes", "duplicates", "create_token",
                                  "authenticate", "check_receipt", "\xff", ""};
    static const char letters[] = "{}[]\",:0123456789.-eE+ \\untrflsaide_mg\x01\x7f\xff\xc3";
    facevault_vault *vault = in_memory();
    for (int i = 0; i < count; i++) {
        char request[200] = {0};
        size_t size = (size_t)random_number(sizeof request - 1);
        for (size_t at = 0; at < size; at++) {
            request[at] = letters[random_number(sizeof letters - 1)];
        }
        if (i % 3 == 0 && size > 10) {
            memcpy(request, "{\"id\":", 6);
            request[size - 1] = '}';
        }
        facevault_bytes photo = {request, size};
        facevault_buffer answer;
        facevault_error *error = NULL;
        const char *verb = verbs[random_number(sizeof verbs / sizeof *verbs)];
        facevault_status status = facevault_vault_call(vault, verb, request, &photo, (size_t)random_number(2), NULL,
                                                       NULL, &answer, &error);
        CHECK((status == FACEVAULT_OK) == (error == NULL) && status != FACEVAULT_RUNTIME);
        CHECK(status == facevault_error_status(error));
        facevault_error_free(error);
        facevault_buffer_free(&answer);
    }
    CHECK(facevault_vault_close(vault) == FACEVAULT_OK);
}

static int stop(void *user, const facevault_step *step) {
    CHECK(step->what != NULL && step->done <= 1000000);
    ++*(int *)user;
    return 1;
}

static void cancelled(void) {
    facevault_vault *vault = in_memory();
    facevault_buffer answer;
    int reports = 0;
    char people[20000] = "{\"persons\": [{\"name\": \"A\"}";
    for (int i = 0; i < 500; i++) {
        strcat(people, ", {\"name\": \"A\"}");
    }
    strcat(people, "]}");
    CHECK(facevault_vault_call(vault, "create_persons", people, NULL, 0, stop, &reports, &answer, NULL) == FACEVAULT_OK);
    CHECK(reports > 0 && strstr(answer.data, "\"error\":\"cancelled\"") != NULL);
    facevault_buffer_free(&answer);
    CHECK(facevault_vault_close(vault) == FACEVAULT_OK);
}

typedef struct {
    facevault_vault *vault;
    int number, calls;
} user;

static void *use(void *argument) {
    user *own = argument;
    char request[100];
    for (;;) {
        snprintf(request, sizeof request, "{\"_id\": \"p%d-%d\", \"name\": \"A\"}", own->number, own->calls);
        facevault_status status = call(own->vault, own->calls % 2 ? "persons" : "create_person",
                                       own->calls % 2 ? NULL : request);
        if (status == FACEVAULT_INVALID) {
            return NULL;
        }
        /* A machine that has much else to do may let one wait for longer than a vault in memory does. */
        CHECK(status == FACEVAULT_OK || status == FACEVAULT_BUSY);
        __atomic_add_fetch(&own->calls, 1, __ATOMIC_RELAXED);
    }
}

/* Threads use a vault until another one closes it. */
static void closing_threads(int rounds) {
    int calls = 0;
    for (int round = 0; round < rounds; round++) {
        facevault_vault *vault = in_memory();
        pthread_t threads[4];
        user users[4];
        for (int i = 0; i < 4; i++) {
            users[i] = (user){vault, i, 0};
            CHECK(pthread_create(&threads[i], NULL, use, &users[i]) == 0);
        }
        for (int i = 0; i < 4; i++) {
            while (__atomic_load_n(&users[i].calls, __ATOMIC_RELAXED) == 0) {
                usleep(100);
            }
        }
        usleep((useconds_t)random_number(5000));
        CHECK(facevault_vault_close(vault) == FACEVAULT_OK);
        CHECK(facevault_vault_close(vault) == FACEVAULT_INVALID);
        for (int i = 0; i < 4; i++) {
            CHECK(pthread_join(threads[i], NULL) == 0);
            calls += users[i].calls;
        }
    }
    CHECK(calls >= 4 * rounds);
}

/* Kibibytes of memory that the process has. */
static long resident(void) {
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(file != NULL && fscanf(file, "%*d %ld", &pages) == 1);
    fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* So many vaults opened, used and closed take no more memory than a tenth of them. */
static void many_opens(int count) {
    long before = 0;
    for (int i = 0; i < count; i++) {
        facevault_vault *vault = in_memory();
        CHECK(call(vault, "create_person", "{\"name\": \"Ada\"}") == FACEVAULT_OK);
        CHECK(call(vault, "nothing", NULL) == FACEVAULT_INVALID);
        CHECK(facevault_vault_close(vault) == FACEVAULT_OK);
        if (i == count / 10) {
            before = resident();
        }
    }
    long grown = resident() - before;
    printf("%d vaults opened and closed: %ld KiB more than after a tenth of them, of %ld\n", count, grown, before);
    CHECK(count < 1000 || grown < 2048);
}

int main(int argc, char **argv) {
    int opens = argc > 1 ? atoi(argv[1]) : 1000;
    CHECK(strlen(facevault_version()) >= 5);
    null_pointers();
    keys();
    wrong_handles();
    buffers();
    sizes();
    random_requests(opens * 5);
    cancelled();
    closing_threads(opens / 50 + 1);
    many_opens(opens);
    printf("%d checks\n", checks);
    return 0;
}
