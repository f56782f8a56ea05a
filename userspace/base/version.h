/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The version of this source tree, of both programs.
 */
#ifndef CERTGATE_BASE_VERSION_H
#define CERTGATE_BASE_VERSION_H

#ifndef CERTGATE_VERSION
#define CERTGATE_VERSION "0.1.0"
#endif

#endif
