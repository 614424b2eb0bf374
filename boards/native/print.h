// Text with values in it, without the C library's: that one allocates on some chips.

#ifndef UNDERSTUDY_PRINT_H
#define UNDERSTUDY_PRINT_H

#include <stdarg.h>
#include <stddef.h>

/** As snprintf, of: %s %c %d %i %u %x %p %%, with l, ll and z, a width, 0, -, and a precision of strings. */
int print_text(char *into, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
int print_arguments(char *into, size_t size, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

#endif
