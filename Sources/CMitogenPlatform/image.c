//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

#define _GNU_SOURCE
#include "CMitogenPlatform.h"

#include <elf.h>
#include <link.h>
#include <string.h>

struct search {
    uint8_t *buffer;
    size_t capacity, found;
};

static int look(struct dl_phdr_info *info, size_t size, void *argument) {
    (void)size;
    struct search *search = argument;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        if (segment->p_type != PT_NOTE) continue;
        const char *at = (const char *)(info->dlpi_addr + segment->p_vaddr), *end = at + segment->p_memsz;
        size_t align = segment->p_align == 8 ? 8 : 4;
        while (at + sizeof(ElfW(Nhdr)) <= end) {
            const ElfW(Nhdr) *note = (const void *)at;
            const char *name = at + sizeof *note;
            const char *content = name + ((note->n_namesz + align - 1) & ~(align - 1));
            if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 && memcmp(name, "GNU", 4) == 0) {
                size_t length = note->n_descsz < search->capacity ? note->n_descsz : search->capacity;
                memcpy(search->buffer, content, length);
                search->found = length;
                return 1;
            }
            at = content + ((note->n_descsz + align - 1) & ~(align - 1));
        }
    }
    return 1; // the first object is the program itself
}

size_t cmitogen_own_build_id(uint8_t *buffer, size_t capacity) {
    struct search search = { .buffer = buffer, .capacity = capacity };
    dl_iterate_phdr(look, &search);
    return search.found;
}
