/* Pictures, vectors and what an engine does with bytes that are no photo: typed PHOTO OTHER-PHOTO-OF-THE-SAME-PERSON
 * Ends with 77 where no engine can be opened. */

#include <facevault.h>
#include <limits.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <math.h>
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

static facevault_bytes read_file(const char *path) {
    facevault_bytes photo = {NULL, 0};
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL && fseek(file, 0, SEEK_END) == 0);
    photo.size = (size_t)ftell(file);
    rewind(file);
    void *data = malloc(photo.size);
    CHECK(data != NULL && fread(data, 1, photo.size, file) == photo.size);
    fclose(file);
    photo.data = data;
    return photo;
}

/* The answer of `detect` of the photo and of its pixels must be the same, and so must the encodings. */
static void pictures(const facevault_engine *engine, facevault_bytes photo) {
    facevault_buffer pixels, of_photo, of_picture;
    uint32_t width = 0, height = 0;
    CHECK(facevault_decode(engine, photo, &pixels, &width, &height, NULL) == FACEVAULT_OK);
    CHECK(pixels.size == (size_t)width * height * 3);
    facevault_picture picture = {pixels.data, width, height, (size_t)width * 3};
    CHECK(facevault_engine_call(engine, "detect", NULL, &photo, 1, NULL, NULL, &of_photo, NULL) == FACEVAULT_OK);
    CHECK(facevault_picture_call(engine, "detect", NULL, &picture, &of_picture, NULL) == FACEVAULT_OK);
    CHECK(strcmp(of_photo.data, of_picture.data) == 0);
    facevault_buffer_free(&of_photo);
    facevault_buffer_free(&of_picture);

    /* The same picture with rows that are further apart, in a block that ends with the last pixel. */
    size_t stride = picture.stride + 13, size = stride * (height - 1) + picture.stride;
    unsigned char *wide = malloc(size);
    CHECK(wide != NULL);
    for (uint32_t row = 0; row < height; row++) {
        memcpy(wide + row * stride, picture.pixels + row * picture.stride, picture.stride);
    }
    facevault_picture strided = {wide, width, height, stride};
    CHECK(facevault_encode(engine, photo, &of_photo, NULL) == FACEVAULT_OK);
    CHECK(facevault_encode_picture(engine, &strided, &of_picture, NULL) == FACEVAULT_OK);
    CHECK(of_photo.size == of_picture.size && memcmp(of_photo.data, of_picture.data, of_photo.size) == 0);
    facevault_buffer_free(&of_photo);
    facevault_buffer_free(&of_picture);
    free(wide);

    facevault_picture wrong[] = {{picture.pixels, 0, height, picture.stride},
                                 {picture.pixels, width, 0, picture.stride},
                                 {picture.pixels, width, height, picture.stride - 1},
                                 {picture.pixels, UINT32_MAX, UINT32_MAX, SIZE_MAX},
                                 {picture.pixels, 65535, 65535, SIZE_MAX},
                                 {NULL, width, height, picture.stride}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        CHECK(facevault_picture_call(engine, "encode", NULL, &wrong[i], &of_picture, NULL) == FACEVAULT_INVALID);
        CHECK(of_picture.data == NULL);
    }
    CHECK(facevault_picture_call(engine, "compare", NULL, &picture, NULL, NULL) == FACEVAULT_INVALID);
    CHECK(facevault_decode(engine, photo, &of_photo, NULL, NULL, NULL) == FACEVAULT_INVALID && of_photo.data == NULL);
    facevault_buffer_free(&pixels);
}

static void vectors(const facevault_engine *engine, facevault_bytes photo, facevault_bytes other) {
    facevault_buffer a, b, answer, matrix, rows;
    facevault_error *error;
    facevault_vault *vault;
    double alike = 0, same = 0;
    CHECK(facevault_encode(engine, photo, &a, NULL) == FACEVAULT_OK);
    CHECK(facevault_encode(engine, other, &b, NULL) == FACEVAULT_OK);
    size_t dimension = a.size / sizeof(float);
    CHECK(facevault_similarity(engine, a.data, a.data, dimension, &same, NULL) == FACEVAULT_OK);
    CHECK(facevault_similarity(engine, a.data, b.data, dimension, &alike, NULL) == FACEVAULT_OK);
    CHECK(fabs(same - 1) < 1e-6 && alike > 0.45 && alike < 0.999);
    CHECK(facevault_similarity(engine, a.data, NULL, dimension, &same, NULL) == FACEVAULT_INVALID);
    CHECK(facevault_similarity(engine, a.data, b.data, 0, &same, NULL) == FACEVAULT_INVALID);
    CHECK(facevault_similarity(engine, a.data, b.data, dimension - 1, &same, NULL) == FACEVAULT_MODEL_MISMATCH);

    CHECK(facevault_vault_open(NULL, NULL, engine, &vault, NULL) == FACEVAULT_OK);
    const char *ada = "{\"_id\": \"ada\", \"name\": \"Ada\"}";
    CHECK(facevault_vault_call_vectors(vault, "create_person", ada, a.data, 1, dimension, NULL, NULL) == FACEVAULT_OK);
    CHECK(facevault_vault_call_vectors(vault, "create_person", "{\"name\": \"Bob\"}", a.data, 1, 7, NULL, &error) ==
          FACEVAULT_MODEL_MISMATCH);
    facevault_error_free(error);
    CHECK(facevault_vault_call_vectors(vault, "identify_encodings", NULL, b.data, 1, dimension, &answer, NULL) ==
          FACEVAULT_OK);
    CHECK(strstr(answer.data, "\"person\":\"ada\"") != NULL);
    facevault_buffer_free(&answer);
    CHECK(facevault_vault_call_vectors(vault, "verify_encoding", "{\"id\": \"ada\"}", b.data, 1, dimension, &answer,
                                       NULL) == FACEVAULT_OK);
    CHECK(strstr(answer.data, "\"accepted\":true") != NULL);
    facevault_buffer_free(&answer);
    /* What is handed over beside the request is neither left out nor in it too. */
    CHECK(facevault_vault_call_vectors(vault, "create_person", "{\"name\": \"Bob\", \"encodings\": []}", b.data, 1,
                                       dimension, NULL, NULL) == FACEVAULT_INVALID);
    CHECK(facevault_vault_call_vectors(vault, "create_person", "{\"name\": \"Bob\"}", b.data, 0, dimension, NULL,
                                       NULL) == FACEVAULT_INVALID);
    CHECK(facevault_vault_call_vectors(vault, "create_person", "{\"name\": \"Bob\"}", b.data, 1, 0, NULL, &error) ==
          FACEVAULT_INVALID);
    CHECK(strstr(facevault_error_message(error), "\"dimension\"") != NULL);
    facevault_error_free(error);
    CHECK(facevault_vault_call_vectors(vault, "verify_encoding", "{\"id\": \"ada\"}", b.data, 2, dimension / 2, NULL,
                                       &error) == FACEVAULT_INVALID);
    CHECK(strstr(facevault_error_message(error), "\"count\"") != NULL);
    facevault_error_free(error);
    CHECK(facevault_vault_matrix(vault, &matrix, &rows, NULL) == FACEVAULT_OK);
    CHECK(matrix.size == a.size && memcmp(matrix.data, a.data, a.size) == 0);
    CHECK(strstr(rows.data, "\"person\":\"ada\"") != NULL);
    facevault_buffer_free(&matrix);
    facevault_buffer_free(&rows);
    CHECK(facevault_vault_close(vault) == FACEVAULT_OK);
    facevault_buffer_free(&a);
    facevault_buffer_free(&b);
}

/* Random bytes, and the photo with some of its bytes changed or cut off: a refusal or an answer. */
static void damaged(const facevault_engine *engine, facevault_bytes photo, int count) {
    int refused = 0;
    unsigned char *bytes = malloc(photo.size);
    CHECK(bytes != NULL);
    srand(7);
    for (int i = 0; i < count; i++) {
        memcpy(bytes, photo.data, photo.size);
        size_t size = i % 3 == 0 ? (size_t)rand() % photo.size : photo.size;
        for (int change = 0; change < 1 + rand() % 20; change++) {
            bytes[(size_t)rand() % (i % 2 ? 700 : photo.size)] = (unsigned char)rand();
        }
        if (i % 10 == 0) {
            for (size_t at = 0; at < size; at++) {
                bytes[at] = (unsigned char)rand();
            }
        }
        facevault_bytes changed = {bytes, size};
        facevault_buffer vector;
        facevault_status status = facevault_encode(engine, changed, &vector, NULL);
        CHECK(status == FACEVAULT_OK || status == FACEVAULT_REFUSED);
        refused += status == FACEVAULT_REFUSED;
        facevault_buffer_free(&vector);
    }
    CHECK(refused > count / 10);
    free(bytes);
}

typedef struct {
    const facevault_engine *engine;
    facevault_bytes photo;
    int calls;
} user;

static void *use(void *argument) {
    user *own = argument;
    for (;;) {
        facevault_buffer vector;
        facevault_status status = facevault_encode(own->engine, own->photo, &vector, NULL);
        facevault_buffer_free(&vector);
        if (status == FACEVAULT_INVALID) {
            return NULL;
        }
        CHECK(status == FACEVAULT_OK);
        __atomic_add_fetch(&own->calls, 1, __ATOMIC_RELAXED);
    }
}

/* Threads encode until the engine is closed. */
static void closing_threads(facevault_engine *engine, facevault_bytes photo) {
    pthread_t threads[3];
    user users[3];
    for (int i = 0; i < 3; i++) {
        users[i] = (user){engine, photo, 0};
        CHECK(pthread_create(&threads[i], NULL, use, &users[i]) == 0);
    }
    while (__atomic_load_n(&users[0].calls, __ATOMIC_RELAXED) < 2) {
    }
    CHECK(facevault_engine_close(engine) == FACEVAULT_OK);
    for (int i = 0; i < 3; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    CHECK(facevault_engine_call(engine, "describe", NULL, NULL, 0, NULL, NULL, NULL, NULL) == FACEVAULT_INVALID);
}

/* Kibibytes of memory that the process has. */
static long resident(void) {
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(file != NULL && fscanf(file, "%*d %ld", &pages) == 1);
    fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* Engines that are opened, used and closed give their memory back. What is compared is the least that was held: how much
   of what was freed lies in pages that something else still needs varies by tens of MiB. */
static void many_opens(facevault_bytes photo) {
    enum { OPENS = 40 };
    long least[2] = {LONG_MAX, LONG_MAX}; /* of the first half and of the second */
    for (int i = 0; i < OPENS; i++) {
        facevault_engine *engine;
        facevault_buffer vector;
        CHECK(facevault_engine_open("{\"threads\": 2}", &engine, NULL) == FACEVAULT_OK);
        CHECK(facevault_encode(engine, photo, &vector, NULL) == FACEVAULT_OK);
        facevault_buffer_free(&vector);
        CHECK(facevault_engine_close(engine) == FACEVAULT_OK);
#ifdef __GLIBC__
        malloc_trim(0);
#endif
        long now = resident();
        if (now < least[2 * i / OPENS]) {
            least[2 * i / OPENS] = now;
        }
    }
    long grown = least[1] - least[0];
    printf("%d engines opened and closed: the second half holds %ld KiB more than %ld\n", OPENS, grown, least[0]);
#ifndef __SANITIZE_ADDRESS__ /* It keeps freed memory for a while. */
    CHECK(grown < 60000); /* An engine that was kept would add the 12 MB of its networks each time. */
#endif
}

int main(int argc, char **argv) {
    facevault_engine *engine = NULL;
    facevault_error *error = NULL;
    CHECK(argc == 3);
    if (facevault_engine_open("{\"threads\": 2}", &engine, &error) != FACEVAULT_OK) {
        printf("skipped: %s\n", facevault_error_message(error));
        facevault_error_free(error);
        return 77;
    }
    facevault_bytes photo = read_file(argv[1]), other = read_file(argv[2]);
    pictures(engine, photo);
    vectors(engine, photo, other);
    damaged(engine, photo, 200);
    closing_threads(engine, photo);
    many_opens(photo);
    free((void *)photo.data);
    free((void *)other.data);
    printf("%d checks\n", checks);
    return 0;
}
