/* Runs the conformance cases (bindings/conformance/README.md): conformance CASES DATA-FOLDER. */

#include "match.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *cases_path;
static const char *data_folder;
/* The liveness networks: a folder, or the installed ones. */
static const char *liveness_models = "liveness";

static void *read_file(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        perror(path);
        exit(1);
    }
    *size = (size_t)ftell(file);
    rewind(file);
    char *data = malloc(*size + 1);
    if (data == NULL || fread(data, 1, *size, file) != *size) {
        die(path);
    }
    data[*size] = 0;
    fclose(file);
    return data;
}

/* One engine for all equal options; it is closed at the end. */
#define MOST_ENGINES 16
static struct {
    char *options;
    facevault_engine *engine;
} engines[MOST_ENGINES];

static facevault_status open_engine(const char *options, facevault_engine **engine, facevault_error **error) {
    int place = 0;
    *error = NULL;
    while (place < MOST_ENGINES && engines[place].options != NULL) {
        if (strcmp(engines[place].options, options) == 0) {
            *engine = engines[place].engine;
            return FACEVAULT_OK;
        }
        place++;
    }
    facevault_status status = facevault_engine_open(options, engine, error);
    if (status == FACEVAULT_OK && place < MOST_ENGINES) {
        engines[place].options = strdup(options);
        engines[place].engine = *engine;
    }
    return status;
}

/* A request with values for its variables. */
static cJSON *filled(run *run, const cJSON *value) {
    if (cJSON_IsString(value) && value->valuestring[0] == '$') {
        const char *text = value->valuestring + 1;
        size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_");
        char name[100] = {0};
        snprintf(name, sizeof name, "%.*s", (int)length, text);
        const cJSON *variable = cJSON_GetObjectItemCaseSensitive(run->variables, name);
        if (variable == NULL) {
            die("a variable has no value");
        }
        if (text[length] == 0) {
            return cJSON_Duplicate(variable, 1);
        }
        char *both = print("%s%s", variable->valuestring, text + length);
        cJSON *made = cJSON_CreateString(both);
        free(both);
        return made;
    }
    if (!cJSON_IsArray(value) && !cJSON_IsObject(value)) {
        return cJSON_Duplicate(value, 1);
    }
    cJSON *made = cJSON_IsArray(value) ? cJSON_CreateArray() : cJSON_CreateObject();
    const cJSON *member;
    cJSON_ArrayForEach(member, value) {
        if (cJSON_IsArray(value)) {
            cJSON_AddItemToArray(made, filled(run, member));
        } else {
            cJSON_AddItemToObject(made, member->string, filled(run, member));
        }
    }
    return made;
}

static int stop(void *user, const facevault_step *step) {
    (void)step;
    return *(const int *)user;
}

/* Closes the vault at hand and puts another one in its place. */
static void replace(run *run, facevault_vault *vault) {
    facevault_vault_close(run->vault);
    run->vault = vault;
}

static facevault_status open_vault(run *run, cJSON *options, facevault_error **error) {
    cJSON *path = cJSON_DetachItemFromObject(options, "path");
    char *text = cJSON_PrintUnformatted(options);
    facevault_vault *vault = NULL;
    facevault_status status =
        facevault_vault_open(path == NULL ? NULL : path->valuestring, text, run->engine, &vault, error);
    if (status == FACEVAULT_OK) {
        replace(run, vault);
    }
    free(text);
    cJSON_Delete(path);
    return status;
}

static facevault_bytes photo(const char *path) {
    facevault_bytes bytes = {NULL, 0};
    if (strncmp(path, "text:", 5) == 0) {
        bytes.data = strdup(path + 5);
        bytes.size = strlen(path + 5);
        return bytes;
    }
    char *whole = print("%s/%s", data_folder, path);
    bytes.data = read_file(whole, &bytes.size);
    free(whole);
    return bytes;
}

/* Does a step; the answer is JSON, and the caller frees it. */
static facevault_status call(run *run, const cJSON *step, cJSON **answer, facevault_error **error) {
    const char *on = cJSON_GetObjectItem(step, "on")->valuestring;
    const cJSON *verb_item = cJSON_GetObjectItem(step, "verb"), *asked = cJSON_GetObjectItem(step, "request");
    const char *verb = verb_item == NULL ? "" : verb_item->valuestring;
    cJSON *request = asked == NULL ? cJSON_CreateObject() : filled(run, asked);
    char *text = cJSON_IsString(request) ? strdup(request->valuestring) : cJSON_PrintUnformatted(request);
    int cancels = cJSON_IsTrue(cJSON_GetObjectItem(step, "cancel"));
    facevault_bytes photos[20];
    size_t count = 0;
    const cJSON *path;
    cJSON_ArrayForEach(path, cJSON_GetObjectItem(step, "photos")) {
        photos[count++] = photo(path->valuestring);
    }
    facevault_buffer buffer = {NULL, 0};
    facevault_status status = FACEVAULT_OK;
    *answer = NULL;
    if (strcmp(on, "vault") == 0) {
        status = facevault_vault_call(run->vault, verb, text, photos, count, stop, &cancels, &buffer, error);
    } else if (strcmp(on, "engine") == 0) {
        status = facevault_engine_call(run->engine, verb, text, photos, count, stop, &cancels, &buffer, error);
    } else if (strcmp(on, "bytes") == 0) {
        status = facevault_vault_bytes(run->vault, verb, text, &buffer, error);
    } else if (strcmp(on, "open_engine") == 0) {
        facevault_engine *engine = NULL;
        status = open_engine(text, &engine, error);
        run->engine = status == FACEVAULT_OK ? engine : run->engine;
    } else if (strcmp(on, "open_vault") == 0) {
        replace(run, NULL);
        status = open_vault(run, request, error);
    } else if (strcmp(on, "vault_as") == 0) {
        facevault_vault *other = NULL;
        status = facevault_vault_as(run->vault, text, &other, error);
        if (status == FACEVAULT_OK) {
            replace(run, other);
        }
    } else {
        die("a step is on nothing that is known");
    }
    if (status == FACEVAULT_OK && strcmp(on, "bytes") == 0) {
        const unsigned char *bytes = buffer.data;
        const cJSON *same_as = cJSON_GetObjectItem(step, "same_as");
        if (same_as != NULL) {
            facevault_bytes file = photo(same_as->valuestring);
            if (file.size != buffer.size || memcmp(file.data, bytes, file.size) != 0) {
                die("the bytes are not those of the file");
            }
            free((void *)file.data);
        }
        char start[10];
        snprintf(start, sizeof start, "%02x%02x%02x", bytes[0], bytes[1], bytes[2]);
        *answer = cJSON_CreateObject();
        cJSON_AddNumberToObject(*answer, "size", (double)buffer.size);
        cJSON_AddStringToObject(*answer, "start", start);
    } else if (status == FACEVAULT_OK) {
        *answer = buffer.data == NULL ? cJSON_CreateNull() : cJSON_Parse(buffer.data);
    }
    facevault_buffer_free(&buffer);
    while (count > 0) {
        free((void *)photos[--count].data);
    }
    free(text);
    cJSON_Delete(request);
    return status;
}

/* The status that each kind of error has. */
static const struct {
    const char *kind;
    facevault_status status;
} kinds[] = {
    {"invalid", FACEVAULT_INVALID},
    {"not_found", FACEVAULT_NOT_FOUND},
    {"already_exists", FACEVAULT_ALREADY_EXISTS},
    {"conflict", FACEVAULT_CONFLICT},
    {"refused", FACEVAULT_REFUSED},
    {"model_mismatch", FACEVAULT_MODEL_MISMATCH},
    {"model_unavailable", FACEVAULT_MODEL_UNAVAILABLE},
    {"runtime", FACEVAULT_RUNTIME},
    {"corrupt", FACEVAULT_CORRUPT},
    {"unsupported", FACEVAULT_UNSUPPORTED},
    {"busy", FACEVAULT_BUSY},
    {"io", FACEVAULT_IO},
    {"outcome_unknown", FACEVAULT_OUTCOME_UNKNOWN},
    {"cancelled", FACEVAULT_CANCELLED},
    {"key", FACEVAULT_KEY},
};

static int is_kind(const char *kind, facevault_status status) {
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kinds[i].kind, kind) == 0) {
            return kinds[i].status == status;
        }
    }
    return 0;
}

static int step(run *run, const cJSON *step) {
    cJSON *answer = NULL;
    facevault_error *error = NULL;
    facevault_status status = call(run, step, &answer, &error);
    const cJSON *expect = cJSON_GetObjectItem(step, "expect");
    int is_same;
    if (status == FACEVAULT_OK) {
        const cJSON *expected = cJSON_GetObjectItem(expect, "answer");
        is_same = expected != NULL ? same(run, "answer", expected, answer) : fail(run, "no error", expect, answer);
    } else {
        cJSON *found = cJSON_Parse(facevault_error_json(error)), *fields = cJSON_CreateArray();
        const cJSON *detail;
        cJSON_ArrayForEach(detail, cJSON_GetObjectItem(found, "details")) {
            cJSON_AddItemToArray(fields, cJSON_Duplicate(cJSON_GetObjectItem(detail, "field"), 1));
        }
        cJSON_AddItemToObject(found, "fields", fields);
        is_same = same(run, "error", expect, found);
        if (facevault_error_status(error) != status || !is_kind(facevault_error_kind(error), status) ||
            strcmp(facevault_error_kind(error), cJSON_GetObjectItem(found, "error")->valuestring) != 0) {
            is_same = fail(run, "the status and the kind", expect, found);
        }
        cJSON_Delete(found);
    }
    facevault_error_free(error);
    cJSON_Delete(answer);
    return is_same;
}

static int steps(run *run, const cJSON *list) {
    int index = 0;
    const cJSON *one;
    cJSON_ArrayForEach(one, list) {
        if (!step(run, one)) {
            char *verb = cJSON_PrintUnformatted(cJSON_GetObjectItem(one, "verb"));
            fprintf(stderr, "  step %d (%s): %s\n", index, verb == NULL ? "" : verb, run->wrong);
            free(verb);
            return 0;
        }
        index++;
    }
    return 1;
}

typedef struct {
    run run;
    const cJSON *steps;
    int passed;
} worker;

static void *work(void *argument) {
    worker *own = argument;
    own->passed = steps(&own->run, own->steps);
    return NULL;
}

/* The steps in so many threads with the same engine and vault. */
static int in_threads(run *whole, const cJSON *list, int count) {
    worker workers[16];
    pthread_t threads[16];
    for (int i = 0; i < count; i++) {
        char number[20];
        snprintf(number, sizeof number, "%d", i);
        workers[i].run = *whole;
        workers[i].run.variables = cJSON_Duplicate(whole->variables, 1);
        cJSON_ReplaceItemInObject(workers[i].run.variables, "thread", cJSON_CreateString(number));
        workers[i].steps = list;
        if (pthread_create(&threads[i], NULL, work, &workers[i]) != 0) {
            die("a thread cannot be started");
        }
    }
    int passed = 1;
    for (int i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
        passed = passed && workers[i].passed;
        cJSON_Delete(workers[i].run.variables);
    }
    return passed;
}

/* What of a case's needs is not here; NULL where nothing is missing. */
static const char *missing(const cJSON *test) {
    struct stat status;
    const cJSON *need;
    cJSON_ArrayForEach(need, cJSON_GetObjectItem(test, "needs")) {
        if (strcmp(need->valuestring, "photos") == 0) {
            if (stat(data_folder, &status) != 0) {
                return "no test data";
            }
            continue;
        }
        int is_liveness = strcmp(need->valuestring, "liveness") == 0;
        char *options = is_liveness ? print("{\"liveness_models\":\"%s\"}", liveness_models)
                                    : print("{\"pack\":\"%s\"}", need->valuestring);
        facevault_engine *engine;
        facevault_error *error;
        facevault_status opened = open_engine(options, &engine, &error);
        if (opened == FACEVAULT_OK && is_liveness) {
            opened = facevault_engine_call(engine, "liveness_model", NULL, NULL, 0, NULL, NULL, NULL, &error);
        }
        facevault_error_free(error);
        free(options);
        if (opened != FACEVAULT_OK) {
            return need->valuestring;
        }
    }
    return NULL;
}

static int test(const cJSON *test) {
    run run = {NULL, NULL, cJSON_CreateObject(), ""};
    char folder[] = "/tmp/facevault-c-XXXXXX";
    if (mkdtemp(folder) == NULL) {
        die("there is no temporary folder");
    }
    cJSON_AddStringToObject(run.variables, "dir", folder);
    cJSON_AddStringToObject(run.variables, "cases", cases_path);
    cJSON_AddStringToObject(run.variables, "thread", "0");
    cJSON_AddStringToObject(run.variables, "liveness", liveness_models);
    const cJSON *variable;
    cJSON_ArrayForEach(variable, cJSON_GetObjectItem(test, "variables")) {
        cJSON_AddItemToObject(run.variables, variable->string, cJSON_Duplicate(variable, 1));
    }
    facevault_error *error = NULL;
    facevault_status status = FACEVAULT_OK;
    if (cJSON_HasObjectItem(test, "engine")) {
        char *options = cJSON_PrintUnformatted(cJSON_GetObjectItem(test, "engine"));
        status = open_engine(options, &run.engine, &error);
        free(options);
    }
    if (status == FACEVAULT_OK && cJSON_HasObjectItem(test, "vault")) {
        cJSON *options = filled(&run, cJSON_GetObjectItem(test, "vault"));
        status = open_vault(&run, options, &error);
        cJSON_Delete(options);
    }
    int passed = status == FACEVAULT_OK;
    if (!passed) {
        fprintf(stderr, "  %s\n", facevault_error_message(error));
        facevault_error_free(error);
    } else {
        const cJSON *list = cJSON_GetObjectItem(test, "steps"), *threads = cJSON_GetObjectItem(test, "threads");
        passed = threads == NULL ? steps(&run, list) : in_threads(&run, list, threads->valueint);
    }
    facevault_vault_close(run.vault);
    cJSON_Delete(run.variables);
    char *remove = print("rm -rf '%s'", folder);
    if (system(remove) != 0) {
        die("the temporary folder cannot be removed");
    }
    free(remove);
    return passed;
}

int main(int argc, char **argv) {
    if (argc != 3) {
        die("usage: conformance CASES DATA-FOLDER");
    }
    cases_path = argv[1];
    data_folder = argv[2];
    if (getenv("FACEVAULT_LIVENESS_MODELS") != NULL) {
        liveness_models = getenv("FACEVAULT_LIVENESS_MODELS");
    }
    size_t size;
    char *text = read_file(cases_path, &size);
    cJSON *suite = cJSON_Parse(text);
    if (suite == NULL) {
        die("the cases are no JSON");
    }
    const char *required = getenv("FACEVAULT_REQUIRE_DATA");
    tolerance = cJSON_GetObjectItem(suite, "tolerance")->valuedouble;
    int passed = 0, skipped = 0, failed = 0;
    const cJSON *one;
    cJSON_ArrayForEach(one, cJSON_GetObjectItem(suite, "cases")) {
        const char *name = cJSON_GetObjectItem(one, "name")->valuestring, *lacks = missing(one);
        if (lacks != NULL) {
            printf("skipped: %s: %s\n", name, lacks);
            skipped++;
            failed += required != NULL && strcmp(required, "1") == 0;
        } else if (test(one)) {
            passed++;
        } else {
            printf("FAILED: %s\n", name);
            failed++;
        }
    }
    for (int i = 0; i < MOST_ENGINES; i++) {
        facevault_engine_close(engines[i].engine);
        free(engines[i].options);
    }
    cJSON_Delete(suite);
    free(text);
    printf("%d cases passed, %d skipped, %d failed\n", passed, skipped, failed);
    return failed == 0 && passed > 0 ? 0 : 1;
}
