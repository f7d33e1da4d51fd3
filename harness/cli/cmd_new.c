/* SPDX-License-Identifier: Apache-2.0
 * labench new-variant: the example plugin under another name, to start from.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands.h"
#include "folder.h"
#include "log.h"
#include "registry.h"
#include "sizes.h"
#include "text.h"

/* The files of examples/plugin, embedded by the build. */
extern const char la_example_c[], la_example_cmake[], la_example_readme[];
static const char example[] = "ema";

typedef struct new_args {
    la_common common;
    const char *name, *out;
} new_args;

static la_status take_flag(void *context, la_flag_id flag, const char *value, la_err *err)
{
    new_args *args = context;
    if (flag != LA_FLAG_OUT) return la_common_take(&args->common, flag, value, err);
    args->out = value;
    return LA_OK;
}

static la_status take_word(void *context, const char *word, la_err *err)
{
    new_args *args = context;
    char q[64];
    if (args->name)
        return LA_FAIL(err, LA_E_ARG, "'labench new-variant' takes one name; '%s' is the second",
                       la_quote(word, q));
    args->name = word;
    return LA_OK;
}

static bool in_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* The example's name, wherever it stands as a word, becomes the new one; the licence of the example is
 * not the new file's. */
static void rename_into(la_text *out, const char *from, const char *name)
{
    static const char *const licences[] = {" SPDX-License-Identifier: Apache-2.0\n *",
                                           "# SPDX-License-Identifier: Apache-2.0\n"};
    size_t len = strlen(example);
    for (const char *at = from; *at;) {
        bool skipped = false;
        for (size_t i = 0; i < LA_COUNT(licences) && !skipped; i++) {
            skipped = strncmp(at, licences[i], strlen(licences[i])) == 0;
            if (skipped) at += strlen(licences[i]);
        }
        if (skipped) continue;
        bool word =
            strncmp(at, example, len) == 0 && !in_word(at[len]) && (at == from || !in_word(at[-1]));
        if (word)
            la_text_add(out, "%s", name);
        else
            la_text_bytes(out, at, 1);
        at += word ? len : 1;
    }
}

/* Never over a file that is there. */
static la_status write_new(const char *path, const la_text *text, la_err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0 && errno == EEXIST)
        return LA_FAIL(err, LA_E_ARG, "%s is there already; nothing is overwritten", path);
    if (fd < 0) return LA_FAIL(err, LA_E_IO, "cannot write %s: %s", path, strerror(errno));
    const char *at = la_text_str(text);
    size_t left = text->len;
    while (left > 0) {
        ssize_t n = write(fd, at, left);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        at += n;
        left -= (size_t)n;
    }
    int why = errno;
    bool closed = close(fd) == 0;
    if (left == 0 && closed) return LA_OK;
    if (left == 0) why = errno;
    unlink(path);
    return LA_FAIL(err, LA_E_IO, "cannot write %s: %s", path, strerror(why));
}

static la_status write_all(const char *dir, const char *name, la_err *err)
{
    char file[64], paths[3][PATH_MAX];
    const char *const texts[] = {la_example_c, la_example_cmake, la_example_readme};
    snprintf(file, sizeof file, "%s.c", name);
    const char *const files[] = {file, "CMakeLists.txt", "README.md"};
    for (size_t i = 0; i < LA_COUNT(files); i++) {
        int n = snprintf(paths[i], sizeof paths[i], "%s/%s", dir, files[i]);
        if (n < 0 || (size_t)n >= sizeof paths[i])
            return LA_FAIL(err, LA_E_ARG, "the path of %s is too long", files[i]);
        if (access(paths[i], F_OK) == 0)
            return LA_FAIL(err, LA_E_ARG, "%s is there already; nothing is overwritten", paths[i]);
    }
    LA_TRY(la_make_folder(dir, err));
    for (size_t i = 0; i < LA_COUNT(files); i++) {
        la_text text = {0};
        rename_into(&text, texts[i], name);
        la_status st = text.failed ? LA_FAIL(err, LA_E_NOMEM, "out of memory for %s", paths[i])
                                   : write_new(paths[i], &text, err);
        la_text_release(&text);
        LA_TRY(st);
        printf("%s\n", paths[i]);
    }
    return LA_OK;
}

static la_status make(const new_args *args, la_err *err)
{
    if (!args->name) return LA_FAIL(err, LA_E_ARG, "a name is missing: labench new-variant mine");
    LA_TRY(la_registry_name_free(args->name, err));
    const char *dir = args->out ? args->out : args->name;
    LA_TRY(write_all(dir, args->name, err));
    la_log(LA_LOG_INFO, "next: cd %s && cmake -B build && cmake --build build", dir);
    la_log(LA_LOG_INFO, "      labench verify %s --plugin build/%s.so", args->name, args->name);
    return LA_OK;
}

int la_cmd_new(int argc, char **argv, int first)
{
    new_args args = {0};
    la_err err = {0};
    bool help;
    la_status st =
        la_flags_parse(LA_CMD_NEW, argc, argv, first, take_flag, take_word, &args, &help, &err);
    if (st == LA_OK && help) {
        la_flags_help(LA_CMD_NEW, stdout);
        return la_finish_stdout(LA_EXIT_OK);
    }
    la_common_apply(&args.common);
    if (st == LA_OK) st = make(&args, &err);
    return la_finish_stdout(st == LA_OK ? LA_EXIT_OK : la_complain(&err));
}
