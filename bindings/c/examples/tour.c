/* Enrolls a person, changes a field, and asks who is in another photo.
 *
 *     cc -Wall -Wextra -Werror tour.c $(pkg-config --cflags --libs facevault) -o tour
 *     ./tour people.vault ada.jpg door.jpg
 *
 * Without photos it does the rest of it, and needs no models. */

#include <facevault.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Says what went wrong, and ends. */
static void need(facevault_status status, facevault_error **error, const char *what) {
    if (status == FACEVAULT_OK) {
        return;
    }
    fprintf(stderr, "%s: %s\n", what, facevault_error_message(*error));
    facevault_error_free(*error);
    exit(1);
}

/* A file's bytes, which the caller frees. */
static facevault_bytes read_file(const char *path) {
    facevault_bytes photo = {NULL, 0};
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        perror(path);
        exit(1);
    }
    long size = ftell(file);
    rewind(file);
    void *data = size > 0 ? malloc((size_t)size) : NULL;
    if (data == NULL || fread(data, 1, (size_t)size, file) != (size_t)size) {
        fprintf(stderr, "%s: cannot be read\n", path);
        exit(1);
    }
    fclose(file);
    photo.data = data;
    photo.size = (size_t)size;
    return photo;
}

/* Calls a verb and prints its answer. */
static void call(facevault_vault *vault, const char *verb, const char *request, const facevault_bytes *photos,
                 size_t count) {
    facevault_buffer answer;
    facevault_error *error;
    facevault_status status =
        facevault_vault_call(vault, verb, request, photos, count, NULL, NULL, &answer, &error);
    if (status == FACEVAULT_REFUSED) {
        /* The photo's fault, not the program's: the JSON says of each photo what was measured. */
        printf("%s: %s\n", verb, facevault_error_json(error));
        facevault_error_free(error);
        return;
    }
    need(status, &error, verb);
    printf("%s: %s\n", verb, (const char *)answer.data);
    facevault_buffer_free(&answer);
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: tour VAULT [PHOTO [OTHER-PHOTO]]\n");
        return 2;
    }
    facevault_error *error;
    facevault_engine *engine = NULL;
    if (argc > 2) {
        need(facevault_engine_open(NULL, &engine, &error), &error, "the engine");
    }
    facevault_vault *vault;
    need(facevault_vault_open(argv[1], "{\"mode\": \"open_or_create\"}", engine, &vault, &error), &error, argv[1]);

    facevault_bytes photo = {NULL, 0};
    if (argc > 2) {
        photo = read_file(argv[2]);
    }
    call(vault, "create_person", "{\"_id\": \"ada\", \"name\": \"Ada\", \"notes\": \"first\"}", &photo, argc > 2);
    /* A partial update: what is not named stays, null clears. It is on disk when the call returns. */
    call(vault, "update_person", "{\"id\": \"ada\", \"name\": \"Ada Lovelace\", \"notes\": null}", NULL, 0);
    if (argc > 3) {
        facevault_bytes probe = read_file(argv[3]);
        call(vault, "identify", NULL, &probe, 1);
        free((void *)probe.data);
    }
    call(vault, "persons", "{\"name_contains\": \"ada\"}", NULL, 0);
    call(vault, "remove_person", "{\"id\": \"ada\"}", NULL, 0);

    free((void *)photo.data);
    facevault_vault_close(vault);
    facevault_engine_close(engine);
    return 0;
}
