/* SPDX-License-Identifier: Apache-2.0
 * Status codes and error messages. Every function that can fail returns la_status and takes
 * `la_err *err` last (NULL is fine). The code is for the program; err->msg is one sentence with the
 * values in it, for a person.
 */
#ifndef LABENCH_STATUS_H
#define LABENCH_STATUS_H

#include <stdarg.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LA_API __attribute__((visibility("default")))

/* name, value, word, what it means */
#define LA_STATUS_LIST(X)                                                                          \
    X(LA_OK, 0, "ok", "success")                                                                   \
    X(LA_E_ARG, -1, "arg", "an argument or input is wrong")                                        \
    X(LA_E_UNSUPPORTED, -2, "unsupported", "this combination cannot exist here")                   \
    X(LA_E_NOMEM, -3, "nomem", "memory could not be had")                                          \
    X(LA_E_DEVICE, -4, "device", "the device is missing or failed")                                \
    X(LA_E_IO, -5, "io", "a file, pipe or process could not be used")                              \
    X(LA_E_DB, -6, "db", "the database is not ours, newer, damaged or busy")                       \
    X(LA_E_FORMAT, -7, "format", "data does not have the promised format")                         \
    X(LA_E_WRONG, -8, "wrong", "a result differs from its reference")                              \
    X(LA_E_NONFINITE, -9, "nonfinite", "a result holds NaN or infinity")                           \
    X(LA_E_TIMEOUT, -10, "timeout", "time ran out")                                                \
    X(LA_E_NOTFOUND, -11, "notfound", "nothing of that name exists")                               \
    X(LA_E_INTERRUPTED, -12, "interrupted", "stopped by a signal")                                 \
    X(LA_E_ENV, -13, "env", "the environment lacks something: program, device, space")             \
    X(LA_E_INTERNAL, -14, "internal", "a bug in labench")

typedef enum la_status {
#define LA_STATUS_ENUM(name, value, word, text) name = value,
    LA_STATUS_LIST(LA_STATUS_ENUM)
#undef LA_STATUS_ENUM
} la_status;

#define LA_ERR_MAX 1024

typedef struct la_err {
    la_status status;
    int foreign; /* errno, SQLite or CUDA code behind it; 0: none */
    int line;
    const char *file;
    char msg[LA_ERR_MAX];
} la_err;

/* Fills err (if given) and returns `status`, so that a function may end with it. */
LA_API la_status la_fail(la_err *err, la_status status, const char *file, int line,
                         const char *format, ...) __attribute__((format(printf, 5, 6)));
LA_API la_status la_vfail(la_err *err, la_status status, const char *file, int line,
                          const char *format, va_list args) __attribute__((format(printf, 5, 0)));
/* "unsupported"; never NULL. */
LA_API const char *la_status_word(la_status status);
LA_API const char *la_status_text(la_status status);

#define LA_FAIL(err, status, ...) la_fail((err), (status), __FILE__, __LINE__, __VA_ARGS__)

/* Returns at once on failure: only for functions that own nothing yet. */
#define LA_TRY(expr)                                                                               \
    do {                                                                                           \
        la_status la_try_status_ = (expr);                                                         \
        if (la_try_status_ != LA_OK) return la_try_status_;                                        \
    } while (0)

/* For bugs in labench, never for bad input. Prints and aborts. */
LA_API void la_assert_failed(const char *what, const char *file, int line)
    __attribute__((noreturn));
#define LA_ASSERT(cond) ((cond) ? (void)0 : la_assert_failed(#cond, __FILE__, __LINE__))

#define LA_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#ifdef __cplusplus
}
#endif
#endif
