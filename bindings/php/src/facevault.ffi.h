#define FFI_SCOPE "FACEVAULT"
#define FFI_LIB "libfacevault.so.0.1"
// Made by make-header from bindings/c/include/facevault.h.

typedef enum {
  FACEVAULT_OK = 0,
  FACEVAULT_INVALID = 1,
  FACEVAULT_NOT_FOUND = 2,
  FACEVAULT_ALREADY_EXISTS = 3,
  FACEVAULT_CONFLICT = 4,
  FACEVAULT_REFUSED = 5,
  FACEVAULT_MODEL_MISMATCH = 6,
  FACEVAULT_MODEL_UNAVAILABLE = 7,
  FACEVAULT_RUNTIME = 8,
  FACEVAULT_CORRUPT = 9,
  FACEVAULT_UNSUPPORTED = 10,
  FACEVAULT_BUSY = 11,
  FACEVAULT_IO = 12,
  FACEVAULT_OUTCOME_UNKNOWN = 13,
  FACEVAULT_CANCELLED = 14,
  FACEVAULT_KEY = 15,
} facevault_status;

typedef enum {
  FACEVAULT_BYTES = 0,
  FACEVAULT_ITEMS = 1,
} facevault_unit;

typedef struct facevault_engine facevault_engine;

typedef struct facevault_error facevault_error;

typedef struct facevault_vault facevault_vault;

typedef struct {
  void *data;
  size_t size;
} facevault_buffer;

typedef struct {
  const char *what;
  uint64_t done;
  uint64_t total;
  facevault_unit unit;
} facevault_step;

typedef int (*facevault_progress)(void *user, const facevault_step *step);

typedef struct {
  const void *data;
  size_t size;
} facevault_bytes;

typedef struct {
  const uint8_t *pixels;
  uint32_t width;
  uint32_t height;
  size_t stride;
} facevault_picture;

const char *facevault_version(void);

facevault_status facevault_buffer_free(facevault_buffer *buffer);

bool facevault_has_encryption(void);

facevault_status facevault_rekey(const char *path,
                                 const char *options,
                                 facevault_progress progress,
                                 void *user,
                                 facevault_buffer *answer,
                                 facevault_error **error);

facevault_status facevault_setup(const char *options,
                                 facevault_progress progress,
                                 void *user,
                                 facevault_buffer *answer,
                                 facevault_error **error);

facevault_status facevault_engine_open(const char *options, facevault_engine **engine, facevault_error **error);

facevault_status facevault_engine_close(facevault_engine *engine);

facevault_status facevault_engine_call(const facevault_engine *engine,
                                       const char *verb,
                                       const char *request,
                                       const facevault_bytes *photos,
                                       size_t photo_count,
                                       facevault_progress progress,
                                       void *user,
                                       facevault_buffer *answer,
                                       facevault_error **error);

facevault_status facevault_picture_call(const facevault_engine *engine,
                                        const char *verb,
                                        const char *request,
                                        const facevault_picture *picture,
                                        facevault_buffer *answer,
                                        facevault_error **error);

facevault_status facevault_decode(const facevault_engine *engine,
                                  facevault_bytes photo,
                                  facevault_buffer *pixels,
                                  uint32_t *width,
                                  uint32_t *height,
                                  facevault_error **error);

facevault_status facevault_error_status(const facevault_error *error);

const char *facevault_error_kind(const facevault_error *error);

const char *facevault_error_message(const facevault_error *error);

const char *facevault_error_json(const facevault_error *error);

facevault_status facevault_error_free(facevault_error *error);

facevault_status facevault_vault_open(const char *path,
                                      const char *options,
                                      const facevault_engine *engine,
                                      facevault_vault **vault,
                                      facevault_error **error);

facevault_status facevault_vault_as(const facevault_vault *vault,
                                    const char *options,
                                    facevault_vault **other,
                                    facevault_error **error);

facevault_status facevault_vault_close(facevault_vault *vault);

facevault_status facevault_vault_call(const facevault_vault *vault,
                                      const char *verb,
                                      const char *request,
                                      const facevault_bytes *photos,
                                      size_t photo_count,
                                      facevault_progress progress,
                                      void *user,
                                      facevault_buffer *answer,
                                      facevault_error **error);

facevault_status facevault_vault_bytes(const facevault_vault *vault,
                                       const char *verb,
                                       const char *request,
                                       facevault_buffer *bytes,
                                       facevault_error **error);

facevault_status facevault_encode(const facevault_engine *engine,
                                  facevault_bytes photo,
                                  facevault_buffer *vector,
                                  facevault_error **error);

facevault_status facevault_encode_picture(const facevault_engine *engine,
                                          const facevault_picture *picture,
                                          facevault_buffer *vector,
                                          facevault_error **error);

facevault_status facevault_similarity(const facevault_engine *engine,
                                      const float *a,
                                      const float *b,
                                      size_t dimension,
                                      double *similarity,
                                      facevault_error **error);

facevault_status facevault_vault_call_vectors(const facevault_vault *vault,
                                              const char *verb,
                                              const char *request,
                                              const float *vectors,
                                              size_t count,
                                              size_t dimension,
                                              facevault_buffer *answer,
                                              facevault_error **error);

facevault_status facevault_vault_matrix(const facevault_vault *vault,
                                        facevault_buffer *vectors,
                                        facevault_buffer *rows,
                                        facevault_error **error);
