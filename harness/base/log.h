/* SPDX-License-Identifier: Apache-2.0
 * The only way to stderr below the command line.
 */
#ifndef LA_LOG_H
#define LA_LOG_H

typedef enum la_log_level { LA_LOG_ERROR, LA_LOG_WARN, LA_LOG_INFO, LA_LOG_DEBUG } la_log_level;

void la_log_set_level(la_log_level level); /* default LA_LOG_INFO */
/* One line, "labench: " in front, newline added. */
void la_log(la_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Where the progress line stands: called before each line is printed, so that it can be cleared. */
void la_log_before(void (*hook)(void));

#endif
