/* facevault: an embedded face-recognition engine with a local store. Made by cbindgen from bindings/c/src; docs/c.md has
 * a tour, and what the verbs take and answer.
 *
 * Texts are UTF-8 and end with a zero byte. A request is the text of a JSON object; NULL is an empty one. All functions
 * may be called by any number of threads at the same time. */

#ifndef FACEVAULT_H
#define FACEVAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Whether a call succeeded, and otherwise who must act.
typedef enum {
  // It succeeded.
  FACEVAULT_OK = 0,
  // The request breaks a rule, or a handle or pointer is not what it has to be.
  FACEVAULT_INVALID = 1,
  // No such person, collection, image or file.
  FACEVAULT_NOT_FOUND = 2,
  // It exists already.
  FACEVAULT_ALREADY_EXISTS = 3,
  // The version that the request expects is no longer current.
  FACEVAULT_CONFLICT = 4,
  // At least one photo gave no encoding.
  FACEVAULT_REFUSED = 5,
  // The encodings at hand were made by another model.
  FACEVAULT_MODEL_MISMATCH = 6,
  // A model is not installed, or is not the one that its manifest names.
  FACEVAULT_MODEL_UNAVAILABLE = 7,
  // The inference runtime failed, or facevault met a fault of its own.
  FACEVAULT_RUNTIME = 8,
  // Stored bytes are not what was written.
  FACEVAULT_CORRUPT = 9,
  // The file is no vault, or belongs to a newer facevault.
  FACEVAULT_UNSUPPORTED = 10,
  // Another process held the vault for too long.
  FACEVAULT_BUSY = 11,
  // The operating system refused.
  FACEVAULT_IO = 12,
  // Nobody can tell whether the change will be there: read it again before you repeat it.
  FACEVAULT_OUTCOME_UNKNOWN = 13,
  // The progress callback asked to stop.
  FACEVAULT_CANCELLED = 14,
  // The vault's key is missing, wrong or cannot be read, or the vault is not encrypted.
  FACEVAULT_KEY = 15,
} facevault_status;

// What `facevault_step` counts.
typedef enum {
  // Bytes.
  FACEVAULT_BYTES = 0,
  // Photos, encodings or persons.
  FACEVAULT_ITEMS = 1,
} facevault_unit;

// Detects faces and computes encodings. Expensive: open one per process and share it among threads.
typedef struct facevault_engine facevault_engine;

// What went wrong: a kind, a sentence, and what it is about.
typedef struct facevault_error facevault_error;

// A vault that is open, as one client sees it.
typedef struct facevault_vault facevault_vault;

// Bytes that facevault gives: a JSON text, a photo, pixels or 32-bit floats. `data` is aligned to 16 bytes, and a
// zero byte follows the last one, which `size` does not count. `facevault_buffer_free` frees it.
typedef struct {
  // The first byte; NULL where nothing was given.
  void *data;
  // How many bytes there are.
  size_t size;
} facevault_buffer;

// How far a long call has come.
typedef struct {
  // What is being done; empty where that is the same as before. Only valid during the callback.
  const char *what;
  // How much is done.
  uint64_t done;
  // How much there is to do; 0 where that is not known.
  uint64_t total;
  // What is counted.
  facevault_unit unit;
} facevault_step;

// Hears how far a long call has come, on the thread of that call; another value than 0 asks it to stop. It must not
// unwind (no C++ exception, no longjmp), and must not call facevault.
typedef int (*facevault_progress)(void *user, const facevault_step *step);

// Bytes of the caller: a photo as its file has it.
typedef struct {
  // The first byte; NULL only where `size` is 0.
  const void *data;
  // How many bytes there are.
  size_t size;
} facevault_bytes;

// A picture of the caller: rows of `width` pixels of three bytes, red, green and blue, that begin `stride` bytes
// apart. It must be upright. All bytes from the first pixel to the last must be readable, those between the rows too.
typedef struct {
  // The first pixel of the uppermost row.
  const uint8_t *pixels;
  // Pixels a row, 1 to 65,535.
  uint32_t width;
  // Rows, 1 to 65,535.
  uint32_t height;
  // Bytes from one row to the next; at least three times `width`.
  size_t stride;
} facevault_picture;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// facevault's version, such as `0.1.0`. The text is never freed.
const char *facevault_version(void);

// Frees what a buffer holds and empties it, so that it may be freed again. `FACEVAULT_INVALID` where its `data` is
// nothing that facevault gave, or was freed through a copy of the buffer: then nothing happens.
//
// # Safety
// `buffer` is NULL or points to a buffer.
facevault_status facevault_buffer_free(facevault_buffer *buffer);

// Whether this library can encrypt vaults, which is decided where it is built. Without it, a key is
// `FACEVAULT_UNSUPPORTED`.
bool facevault_has_encryption(void);

// Encrypts the vault at `path`, decrypts it, or gives it another key. Nobody may have it open; what is killed or stopped
// leaves the old vault whole. Options: `from`, the key that it has, and `to`, the one that it gets, each an object with
// `key` (64 hexadecimal digits) or `passphrase`; without one of them it is in plain. The answer is `{"changed": false}`
// where the vault is so already.
//
// # Safety
// `path` is a text; `options` is NULL or a text; `answer` and `error` are NULL or may be written.
facevault_status facevault_rekey(const char *path,
                                 const char *options,
                                 facevault_progress progress,
                                 void *user,
                                 facevault_buffer *answer,
                                 facevault_error **error);

// Installs ONNX Runtime and a pack, as `facevault setup` does; installed files stay. Options: `pack`,
// `data_dir`, `from` (a folder with the files, instead of the network), `accept_licence`, `python`, `npm`.
//
// # Safety
// `options` is NULL or a text; `answer` and `error` are NULL or may be written.
facevault_status facevault_setup(const char *options,
                                 facevault_progress progress,
                                 void *user,
                                 facevault_buffer *answer,
                                 facevault_error **error);

// Opens an engine, which takes some tenths of a second. Options: `pack` (`standard` by default), `data_dir`,
// `threads`, `mode` (`fast` or `accurate`), `runtime_library`, `rules`, `liveness_models`.
//
// # Safety
// `options` is NULL or a text; `engine` may be written; `error` is NULL or may be written.
facevault_status facevault_engine_open(const char *options, facevault_engine **engine, facevault_error **error);

// Closes an engine. Calls that use it go on, and so do vaults that were opened with it; its memory is freed when the
// last of them ends. NULL is none; `FACEVAULT_INVALID` for a handle that is no engine or was closed.
facevault_status facevault_engine_close(facevault_engine *engine);

// Calls a verb of an engine: `compare`, `compare_encodings`, `describe`, `detect`, `encode`, `encode_at`,
// `encode_faces`, `liveness`, `liveness_model`, `probe`. The answer is JSON.
//
// # Safety
// `verb` is a text; `request` is NULL or a text; `photos` has `photo_count` elements; `answer` and `error` are NULL or
// may be written.
facevault_status facevault_engine_call(const facevault_engine *engine,
                                       const char *verb,
                                       const char *request,
                                       const facevault_bytes *photos,
                                       size_t photo_count,
                                       facevault_progress progress,
                                       void *user,
                                       facevault_buffer *answer,
                                       facevault_error **error);

// Calls a verb with a picture instead of a photo's bytes: `detect`, `encode`, `encode_at`, `encode_faces`, `liveness`.
// The answer is JSON.
//
// # Safety
// `verb` is a text; `request` is NULL or a text; `picture` points to a picture; `answer` and `error` are NULL or may be
// written.
facevault_status facevault_picture_call(const facevault_engine *engine,
                                        const char *verb,
                                        const char *request,
                                        const facevault_picture *picture,
                                        facevault_buffer *answer,
                                        facevault_error **error);

// Decodes a photo's bytes to the pixels of the upright picture: rows of three bytes a pixel without gaps.
//
// # Safety
// `photo.data` can be read for `photo.size` bytes; `pixels`, `width` and `height` may be written; `error` is NULL or
// may be written.
facevault_status facevault_decode(const facevault_engine *engine,
                                  facevault_bytes photo,
                                  facevault_buffer *pixels,
                                  uint32_t *width,
                                  uint32_t *height,
                                  facevault_error **error);

// The status of an error; `FACEVAULT_OK` for NULL, `FACEVAULT_INVALID` for a handle that is no error or was freed.
facevault_status facevault_error_status(const facevault_error *error);

// The kind of an error as a word: `invalid`, `not_found`, `refused` and so on. The text lives as long as the error;
// NULL for a handle that is no error.
const char *facevault_error_kind(const facevault_error *error);

// What went wrong, as a sentence without names of people. The text lives as long as the error; NULL for a handle that
// is no error.
const char *facevault_error_message(const facevault_error *error);

// All of an error as a JSON object: `error` (the kind), `message`, and where there are any `details` (the broken
// rules, each with `field` and `rule`), `images` (the outcome of each photo) and `duplicate` (the person who is there
// already). The text lives as long as the error; NULL for a handle that is no error.
const char *facevault_error_json(const facevault_error *error);

// Frees an error, and its texts with it. NULL is none; `FACEVAULT_INVALID` for a handle that is no error or was freed.
facevault_status facevault_error_free(facevault_error *error);

// Opens the vault at `path`, or one in memory where `path` is NULL. Without an engine, everything but photos can be
// read and changed. Options: `mode` (`open`, `create`, `open_or_create`, `read_only` or `memory`), `client`, `actor`,
// `mixed_photos`, `min_liveness`, `limits`, and for an encrypted vault `key` (64 hexadecimal digits) or `passphrase`.
//
// # Safety
// `path` and `options` are NULL or texts; `vault` may be written; `error` is NULL or may be written.
facevault_status facevault_vault_open(const char *path,
                                      const char *options,
                                      const facevault_engine *engine,
                                      facevault_vault **vault,
                                      facevault_error **error);

// Another handle of an open vault: that of another `client` (added where `add_client` is true), with another `actor`,
// with `mixed_photos` or with another `min_liveness`; with `token`, that of the holder of a token. Each is closed by
// itself.
//
// # Safety
// `options` is NULL or a text; `other` may be written; `error` is NULL or may be written.
facevault_status facevault_vault_as(const facevault_vault *vault,
                                    const char *options,
                                    facevault_vault **other,
                                    facevault_error **error);

// Closes a vault. Calls that use it go on, and it is closed for good when the last of them ends. NULL is none;
// `FACEVAULT_INVALID` for a handle that is no vault or was closed.
facevault_status facevault_vault_close(facevault_vault *vault);

// Calls a verb of a vault, such as `create_person`, `update_person` or `identify`; the error of an unknown verb lists
// all. The answer is JSON.
//
// # Safety
// `verb` is a text; `request` is NULL or a text; `photos` has `photo_count` elements; `answer` and `error` are NULL or
// may be written.
facevault_status facevault_vault_call(const facevault_vault *vault,
                                      const char *verb,
                                      const char *request,
                                      const facevault_bytes *photos,
                                      size_t photo_count,
                                      facevault_progress progress,
                                      void *user,
                                      facevault_buffer *answer,
                                      facevault_error **error);

// The bytes that a vault keeps: `photo`, as it was handed in, or `thumbnail`, a small JPEG. The request names `id`, the
// person, and `image`.
//
// # Safety
// `verb` is a text; `request` is NULL or a text; `bytes` and `error` are NULL or may be written.
facevault_status facevault_vault_bytes(const facevault_vault *vault,
                                       const char *verb,
                                       const char *request,
                                       facevault_buffer *bytes,
                                       facevault_error **error);

// The encoding of the one face of a photo: as many floats as the model has components. A photo that gives none is
// `FACEVAULT_REFUSED`.
//
// # Safety
// `photo.data` can be read for `photo.size` bytes; `vector` and `error` are NULL or may be written.
facevault_status facevault_encode(const facevault_engine *engine,
                                  facevault_bytes photo,
                                  facevault_buffer *vector,
                                  facevault_error **error);

// As `facevault_encode`, of a picture.
//
// # Safety
// `picture` points to a picture; `vector` and `error` are NULL or may be written.
facevault_status facevault_encode_picture(const facevault_engine *engine,
                                          const facevault_picture *picture,
                                          facevault_buffer *vector,
                                          facevault_error **error);

// How alike two encodings of the engine's model are: their cosine, or 1 less their distance for a model that is
// compared so. `FACEVAULT_MODEL_MISMATCH` where `dimension` is not the model's.
//
// # Safety
// `a` and `b` can be read for `dimension` floats; `similarity` may be written; `error` is NULL or may be written.
facevault_status facevault_similarity(const facevault_engine *engine,
                                      const float *a,
                                      const float *b,
                                      size_t dimension,
                                      double *similarity,
                                      facevault_error **error);

// Calls a verb of a vault that takes encodings: `identify_encodings`, `verify_encoding`, `create_person`,
// `create_person_unless_known`, `update_person`. `vectors` holds `count` encodings of `dimension` floats, one after the
// other. They take the place of the request's `encodings`, which `request` must not have. `verify_encoding` takes one,
// as the request's `encoding`. `count` and `dimension` are 1 or more.
//
// # Safety
// `verb` is a text; `request` is NULL or a text; `vectors` can be read for `count * dimension` floats; `answer` and
// `error` are NULL or may be written.
facevault_status facevault_vault_call_vectors(const facevault_vault *vault,
                                              const char *verb,
                                              const char *request,
                                              const float *vectors,
                                              size_t count,
                                              size_t dimension,
                                              facevault_buffer *answer,
                                              facevault_error **error);

// All encodings of the vault's active persons, as they were enrolled: `vectors` is a matrix of floats, row by row, and
// `rows` a JSON object with `model`, `dimension`, `generation` and `rows`, the `person` and `image` of each.
//
// # Safety
// `vectors`, `rows` and `error` are NULL or may be written.
facevault_status facevault_vault_matrix(const facevault_vault *vault,
                                        facevault_buffer *vectors,
                                        facevault_buffer *rows,
                                        facevault_error **error);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* FACEVAULT_H */
