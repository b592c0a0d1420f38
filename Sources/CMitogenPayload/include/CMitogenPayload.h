//
// This source file is part of the Mitogen for Swift open source project
//
// SPDX-License-Identifier: Apache-2.0
//

#ifndef CMITOGEN_PAYLOAD_H
#define CMITOGEN_PAYLOAD_H

/// Linked into the payload only; nothing in it is called by name.
void cmitogen_payload(void);

#endif
