//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

// The standard library can tell the name, the alias, the age, the script and the general category of every Unicode
// character: half a megabyte of tables, which a linker cannot know to be unused. In the payload these take the place of
// the functions that read them (`--wrap`), so that the tables go. The payload's own code must not ask such questions,
// as `Character.isLetter` and `isNumber` do.

#include "CMitogenPayload.h"

#include <stdint.h>

void cmitogen_payload(void) {}

// No name: `Unicode.Scalar.Properties.name` is nil.
intptr_t __wrap__swift_stdlib_getScalarName(uint32_t scalar, uint8_t *buffer, intptr_t capacity);
intptr_t __wrap__swift_stdlib_getScalarName(uint32_t scalar, uint8_t *buffer, intptr_t capacity) {
    return 0;
}

// No alias: `nameAlias` is nil.
const char *__wrap__swift_stdlib_getNameAlias(uint32_t scalar);
const char *__wrap__swift_stdlib_getNameAlias(uint32_t scalar) {
    return 0;
}

// Not assigned: `age` is nil.
uint16_t __wrap__swift_stdlib_getAge(uint32_t scalar);
uint16_t __wrap__swift_stdlib_getAge(uint32_t scalar) {
    return UINT16_MAX;
}

// "Not assigned", as for `age`.
uint8_t __wrap__swift_stdlib_getGeneralCategory(uint32_t scalar);
uint8_t __wrap__swift_stdlib_getGeneralCategory(uint32_t scalar) {
    return 29;
}

// "Unknown".
uint8_t __wrap__swift_stdlib_getScript(uint32_t scalar);
uint8_t __wrap__swift_stdlib_getScript(uint32_t scalar) {
    return 0;
}

const uint8_t *__wrap__swift_stdlib_getScriptExtensions(uint32_t scalar, uint8_t *count);
const uint8_t *__wrap__swift_stdlib_getScriptExtensions(uint32_t scalar, uint8_t *count) {
    *count = 0;
    return 0;
}

// Stands in the place of functions that payload.ld leaves out. Nothing but the linker's script refers to it.
__attribute__((used, retain, noreturn)) void cmitogen_payload_absent(void) { __builtin_trap(); }
