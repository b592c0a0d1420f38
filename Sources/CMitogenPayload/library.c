//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

// Parts of the C and C++ libraries that are linked into every static program, though nothing in the payload needs what
// they do. These take their place (`--wrap`), so that they go, and what only they use. Sizes are compressed.

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

// C++ names in the text of a crash, 18 KB. "Not a mangled name": the name is shown as it is.
char *__wrap___cxa_demangle(const char *name, char *buffer, size_t *length, int *status);
char *__wrap___cxa_demangle(const char *name, char *buffer, size_t *length, int *status) {
    if (status) *status = -2;
    return NULL;
}

// Messages of the C library in other languages, 9 KB. Nothing here calls `setlocale`, so there never are any.
char *__wrap___dcgettext(const char *domain, const char *message, int category);
char *__wrap___dcgettext(const char *domain, const char *message, int category) { return (char *)message; }

// How the C library prints an error of its own to a stream that may be one of wide characters, 14 KB. None is.
int __wrap___fxprintf(FILE *stream, const char *format, ...);
int __wrap___fxprintf(FILE *stream, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int count = vfprintf(stream ? stream : stderr, format, arguments);
    va_end(arguments);
    return count;
}

// Floating point in `printf`, 13 KB. Swift writes its numbers itself, and no C code in the payload prints such a number;
// what did would end here.
int __wrap___printf_fp(FILE *stream, const void *info, const void *const *arguments);
int __wrap___printf_fp(FILE *stream, const void *info, const void *const *arguments) { __builtin_trap(); }

int __wrap___printf_fphex(FILE *stream, const void *info, const void *const *arguments);
int __wrap___printf_fphex(FILE *stream, const void *info, const void *const *arguments) { __builtin_trap(); }
