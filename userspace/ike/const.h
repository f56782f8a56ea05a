/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The numbers of IANA's "IKEv2 Parameters" registry that the engine knows,
 * each list once: the enums here and the name tables of const.c come from the
 * same X-macros. Names are IANA's without the prefix that repeats the
 * registry's own name. Used by everything in ike/, and by logs and the CLI.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IKE_VERSION_MAJOR 2
#define IKE_VERSION_MINOR 0

#define IKE_PORT     500
#define IKE_NAT_PORT 4500

/* RFC 7296 section 3.1 */
#define IKE_FLAG_INITIATOR 0x08
#define IKE_FLAG_VERSION   0x10
#define IKE_FLAG_RESPONSE  0x20

/* RFC 7296 section 3.9 */
#define IKE_NONCE_MIN 16
#define IKE_NONCE_MAX 256

/* RFC 7296 section 3.1; RFC 9242, RFC 9370 */
#define IKE_EXCHANGE_TABLE(X)                                    \
	X(IKE_EXCHANGE_SA_INIT, 34, "IKE_SA_INIT")               \
	X(IKE_EXCHANGE_AUTH, 35, "IKE_AUTH")                     \
	X(IKE_EXCHANGE_CREATE_CHILD_SA, 36, "CREATE_CHILD_SA")   \
	X(IKE_EXCHANGE_INFORMATIONAL, 37, "INFORMATIONAL")       \
	X(IKE_EXCHANGE_SESSION_RESUME, 38, "IKE_SESSION_RESUME") \
	X(IKE_EXCHANGE_INTERMEDIATE, 43, "IKE_INTERMEDIATE")     \
	X(IKE_EXCHANGE_FOLLOWUP_KE, 44, "IKE_FOLLOWUP_KE")

/* RFC 7296 section 3.2; SKF: RFC 7383 */
#define IKE_PAYLOAD_TABLE(X)                  \
	X(IKE_PAYLOAD_NONE, 0, "NONE")        \
	X(IKE_PAYLOAD_SA, 33, "SA")           \
	X(IKE_PAYLOAD_KE, 34, "KE")           \
	X(IKE_PAYLOAD_IDI, 35, "IDi")         \
	X(IKE_PAYLOAD_IDR, 36, "IDr")         \
	X(IKE_PAYLOAD_CERT, 37, "CERT")       \
	X(IKE_PAYLOAD_CERTREQ, 38, "CERTREQ") \
	X(IKE_PAYLOAD_AUTH, 39, "AUTH")       \
	X(IKE_PAYLOAD_NONCE, 40, "NONCE")     \
	X(IKE_PAYLOAD_NOTIFY, 41, "N")        \
	X(IKE_PAYLOAD_DELETE, 42, "D")        \
	X(IKE_PAYLOAD_VENDOR, 43, "V")        \
	X(IKE_PAYLOAD_TSI, 44, "TSi")         \
	X(IKE_PAYLOAD_TSR, 45, "TSr")         \
	X(IKE_PAYLOAD_SK, 46, "SK")           \
	X(IKE_PAYLOAD_CP, 47, "CP")           \
	X(IKE_PAYLOAD_EAP, 48, "EAP")         \
	X(IKE_PAYLOAD_SKF, 53, "SKF")

/* RFC 7296 section 3.3.1 */
#define IKE_PROTOCOL_TABLE(X)           \
	X(IKE_PROTOCOL_NONE, 0, "NONE") \
	X(IKE_PROTOCOL_IKE, 1, "IKE")   \
	X(IKE_PROTOCOL_AH, 2, "AH")     \
	X(IKE_PROTOCOL_ESP, 3, "ESP")

/* RFC 7296 section 3.3.2; additional key exchanges: RFC 9370 */
#define IKE_TRANSFORM_TYPE_TABLE(X)           \
	X(IKE_TRANSFORM_ENCR, 1, "ENCR")      \
	X(IKE_TRANSFORM_PRF, 2, "PRF")        \
	X(IKE_TRANSFORM_INTEG, 3, "INTEG")    \
	X(IKE_TRANSFORM_KE, 4, "KE")          \
	X(IKE_TRANSFORM_ESN, 5, "ESN")        \
	X(IKE_TRANSFORM_ADDKE1, 6, "ADDKE1")  \
	X(IKE_TRANSFORM_ADDKE2, 7, "ADDKE2")  \
	X(IKE_TRANSFORM_ADDKE3, 8, "ADDKE3")  \
	X(IKE_TRANSFORM_ADDKE4, 9, "ADDKE4")  \
	X(IKE_TRANSFORM_ADDKE5, 10, "ADDKE5") \
	X(IKE_TRANSFORM_ADDKE6, 11, "ADDKE6") \
	X(IKE_TRANSFORM_ADDKE7, 12, "ADDKE7")

/* RFC 7296 section 3.3.2, RFC 5282, RFC 7634. Named also what is never used, so that logs can. */
#define IKE_ENCR_TABLE(X)                                        \
	X(IKE_ENCR_DES_IV64, 1, "DES_IV64")                      \
	X(IKE_ENCR_DES, 2, "DES")                                \
	X(IKE_ENCR_3DES, 3, "3DES")                              \
	X(IKE_ENCR_RC5, 4, "RC5")                                \
	X(IKE_ENCR_IDEA, 5, "IDEA")                              \
	X(IKE_ENCR_CAST, 6, "CAST")                              \
	X(IKE_ENCR_BLOWFISH, 7, "BLOWFISH")                      \
	X(IKE_ENCR_NULL, 11, "NULL")                             \
	X(IKE_ENCR_AES_CBC, 12, "AES_CBC")                       \
	X(IKE_ENCR_AES_CTR, 13, "AES_CTR")                       \
	X(IKE_ENCR_AES_CCM_8, 14, "AES_CCM_8")                   \
	X(IKE_ENCR_AES_CCM_12, 15, "AES_CCM_12")                 \
	X(IKE_ENCR_AES_CCM_16, 16, "AES_CCM_16")                 \
	X(IKE_ENCR_AES_GCM_8, 18, "AES_GCM_8")                   \
	X(IKE_ENCR_AES_GCM_12, 19, "AES_GCM_12")                 \
	X(IKE_ENCR_AES_GCM_16, 20, "AES_GCM_16")                 \
	X(IKE_ENCR_NULL_AUTH_AES_GMAC, 21, "NULL_AUTH_AES_GMAC") \
	X(IKE_ENCR_CAMELLIA_CBC, 23, "CAMELLIA_CBC")             \
	X(IKE_ENCR_CAMELLIA_CTR, 24, "CAMELLIA_CTR")             \
	X(IKE_ENCR_CAMELLIA_CCM_8, 25, "CAMELLIA_CCM_8")         \
	X(IKE_ENCR_CAMELLIA_CCM_12, 26, "CAMELLIA_CCM_12")       \
	X(IKE_ENCR_CAMELLIA_CCM_16, 27, "CAMELLIA_CCM_16")       \
	X(IKE_ENCR_CHACHA20_POLY1305, 28, "CHACHA20_POLY1305")   \
	X(IKE_ENCR_AES_CCM_8_IIV, 29, "AES_CCM_8_IIV")           \
	X(IKE_ENCR_AES_GCM_16_IIV, 30, "AES_GCM_16_IIV")         \
	X(IKE_ENCR_CHACHA20_POLY1305_IIV, 31, "CHACHA20_POLY1305_IIV")

#define IKE_PRF_TABLE(X)                                 \
	X(IKE_PRF_HMAC_MD5, 1, "PRF_HMAC_MD5")           \
	X(IKE_PRF_HMAC_SHA1, 2, "PRF_HMAC_SHA1")         \
	X(IKE_PRF_HMAC_TIGER, 3, "PRF_HMAC_TIGER")       \
	X(IKE_PRF_AES128_XCBC, 4, "PRF_AES128_XCBC")     \
	X(IKE_PRF_HMAC_SHA2_256, 5, "PRF_HMAC_SHA2_256") \
	X(IKE_PRF_HMAC_SHA2_384, 6, "PRF_HMAC_SHA2_384") \
	X(IKE_PRF_HMAC_SHA2_512, 7, "PRF_HMAC_SHA2_512") \
	X(IKE_PRF_AES128_CMAC, 8, "PRF_AES128_CMAC")

#define IKE_INTEG_TABLE(X)                                      \
	X(IKE_INTEG_NONE, 0, "NONE")                            \
	X(IKE_INTEG_HMAC_MD5_96, 1, "HMAC_MD5_96")              \
	X(IKE_INTEG_HMAC_SHA1_96, 2, "HMAC_SHA1_96")            \
	X(IKE_INTEG_DES_MAC, 3, "DES_MAC")                      \
	X(IKE_INTEG_KPDK_MD5, 4, "KPDK_MD5")                    \
	X(IKE_INTEG_AES_XCBC_96, 5, "AES_XCBC_96")              \
	X(IKE_INTEG_HMAC_MD5_128, 6, "HMAC_MD5_128")            \
	X(IKE_INTEG_HMAC_SHA1_160, 7, "HMAC_SHA1_160")          \
	X(IKE_INTEG_AES_CMAC_96, 8, "AES_CMAC_96")              \
	X(IKE_INTEG_AES_128_GMAC, 9, "AES_128_GMAC")            \
	X(IKE_INTEG_AES_192_GMAC, 10, "AES_192_GMAC")           \
	X(IKE_INTEG_AES_256_GMAC, 11, "AES_256_GMAC")           \
	X(IKE_INTEG_HMAC_SHA2_256_128, 12, "HMAC_SHA2_256_128") \
	X(IKE_INTEG_HMAC_SHA2_384_192, 13, "HMAC_SHA2_384_192") \
	X(IKE_INTEG_HMAC_SHA2_512_256, 14, "HMAC_SHA2_512_256")

/* Key exchange methods: RFC 7296, 3526, 5903, 5114, 8031 */
#define IKE_KE_TABLE(X)                              \
	X(IKE_KE_NONE, 0, "NONE")                    \
	X(IKE_KE_MODP_768, 1, "MODP_768")            \
	X(IKE_KE_MODP_1024, 2, "MODP_1024")          \
	X(IKE_KE_MODP_1536, 5, "MODP_1536")          \
	X(IKE_KE_MODP_2048, 14, "MODP_2048")         \
	X(IKE_KE_MODP_3072, 15, "MODP_3072")         \
	X(IKE_KE_MODP_4096, 16, "MODP_4096")         \
	X(IKE_KE_MODP_6144, 17, "MODP_6144")         \
	X(IKE_KE_MODP_8192, 18, "MODP_8192")         \
	X(IKE_KE_ECP_256, 19, "ECP_256")             \
	X(IKE_KE_ECP_384, 20, "ECP_384")             \
	X(IKE_KE_ECP_521, 21, "ECP_521")             \
	X(IKE_KE_MODP_1024_160, 22, "MODP_1024_160") \
	X(IKE_KE_MODP_2048_224, 23, "MODP_2048_224") \
	X(IKE_KE_MODP_2048_256, 24, "MODP_2048_256") \
	X(IKE_KE_ECP_192, 25, "ECP_192")             \
	X(IKE_KE_ECP_224, 26, "ECP_224")             \
	X(IKE_KE_BRAINPOOL_224, 27, "BRAINPOOL_224") \
	X(IKE_KE_BRAINPOOL_256, 28, "BRAINPOOL_256") \
	X(IKE_KE_BRAINPOOL_384, 29, "BRAINPOOL_384") \
	X(IKE_KE_BRAINPOOL_512, 30, "BRAINPOOL_512") \
	X(IKE_KE_CURVE25519, 31, "CURVE25519")       \
	X(IKE_KE_CURVE448, 32, "CURVE448")           \
	X(IKE_KE_ML_KEM_512, 35, "ML_KEM_512")       \
	X(IKE_KE_ML_KEM_768, 36, "ML_KEM_768")       \
	X(IKE_KE_ML_KEM_1024, 37, "ML_KEM_1024")

#define IKE_ESN_TABLE(X)           \
	X(IKE_ESN_NO, 0, "NO_ESN") \
	X(IKE_ESN_YES, 1, "ESN")

/* RFC 7296 section 3.3.5 */
#define IKE_ATTR_KEY_LENGTH 14

/* RFC 7296 section 3.8, RFC 4754, RFC 7427, RFC 7619 */
#define IKE_AUTH_TABLE(X)                              \
	X(IKE_AUTH_RSA, 1, "RSA_DIGITAL_SIGNATURE")    \
	X(IKE_AUTH_SHARED_KEY, 2, "SHARED_KEY")        \
	X(IKE_AUTH_DSS, 3, "DSS_DIGITAL_SIGNATURE")    \
	X(IKE_AUTH_ECDSA_256, 9, "ECDSA_SHA256_P256")  \
	X(IKE_AUTH_ECDSA_384, 10, "ECDSA_SHA384_P384") \
	X(IKE_AUTH_ECDSA_521, 11, "ECDSA_SHA512_P521") \
	X(IKE_AUTH_NULL, 13, "NULL")                   \
	X(IKE_AUTH_DIGITAL_SIGNATURE, 14, "DIGITAL_SIGNATURE")

/* RFC 7427 section 7 ("IKEv2 Hash Algorithms"), RFC 8420 */
#define IKE_HASH_TABLE(X)                   \
	X(IKE_HASH_SHA1, 1, "SHA1")         \
	X(IKE_HASH_SHA2_256, 2, "SHA2_256") \
	X(IKE_HASH_SHA2_384, 3, "SHA2_384") \
	X(IKE_HASH_SHA2_512, 4, "SHA2_512") \
	X(IKE_HASH_IDENTITY, 5, "IDENTITY")

/* RFC 7296 section 3.5, RFC 7619 */
#define IKE_ID_TABLE(X)                          \
	X(IKE_ID_IPV4_ADDR, 1, "IPV4_ADDR")      \
	X(IKE_ID_FQDN, 2, "FQDN")                \
	X(IKE_ID_RFC822_ADDR, 3, "RFC822_ADDR")  \
	X(IKE_ID_IPV6_ADDR, 5, "IPV6_ADDR")      \
	X(IKE_ID_DER_ASN1_DN, 9, "DER_ASN1_DN")  \
	X(IKE_ID_DER_ASN1_GN, 10, "DER_ASN1_GN") \
	X(IKE_ID_KEY_ID, 11, "KEY_ID")           \
	X(IKE_ID_FC_NAME, 12, "FC_NAME")         \
	X(IKE_ID_NULL, 13, "NULL")

/* RFC 7296 section 3.6 */
#define IKE_CERT_TABLE(X)                                  \
	X(IKE_CERT_PKCS7, 1, "PKCS7")                      \
	X(IKE_CERT_PGP, 2, "PGP")                          \
	X(IKE_CERT_DNS_SIGNED_KEY, 3, "DNS_SIGNED_KEY")    \
	X(IKE_CERT_X509_SIGNATURE, 4, "X509_SIGNATURE")    \
	X(IKE_CERT_KERBEROS_TOKEN, 6, "KERBEROS_TOKEN")    \
	X(IKE_CERT_CRL, 7, "CRL")                          \
	X(IKE_CERT_ARL, 8, "ARL")                          \
	X(IKE_CERT_SPKI, 9, "SPKI")                        \
	X(IKE_CERT_X509_ATTRIBUTE, 10, "X509_ATTRIBUTE")   \
	X(IKE_CERT_RAW_RSA, 11, "RAW_RSA")                 \
	X(IKE_CERT_HASH_URL_X509, 12, "HASH_URL_X509")     \
	X(IKE_CERT_HASH_URL_BUNDLE, 13, "HASH_URL_BUNDLE") \
	X(IKE_CERT_OCSP, 14, "OCSP_CONTENT")               \
	X(IKE_CERT_RAW_PUBLIC_KEY, 15, "RAW_PUBLIC_KEY")

/* RFC 7296 section 3.13.1, RFC 4595, RFC 9478 */
#define IKE_TS_TABLE(X)                                 \
	X(IKE_TS_IPV4_ADDR_RANGE, 7, "IPV4_ADDR_RANGE") \
	X(IKE_TS_IPV6_ADDR_RANGE, 8, "IPV6_ADDR_RANGE") \
	X(IKE_TS_FC_ADDR_RANGE, 9, "FC_ADDR_RANGE")     \
	X(IKE_TS_SECLABEL, 10, "SECLABEL")

/* RFC 7296 section 3.15 */
#define IKE_CFG_TABLE(X)                     \
	X(IKE_CFG_REQUEST, 1, "CFG_REQUEST") \
	X(IKE_CFG_REPLY, 2, "CFG_REPLY")     \
	X(IKE_CFG_SET, 3, "CFG_SET")         \
	X(IKE_CFG_ACK, 4, "CFG_ACK")

/*
 * RFC 7296 section 3.10.1 and the RFC named beside others. Below
 * IKE_NOTIFY_STATUS_FIRST a type is an error.
 */
#define IKE_NOTIFY_STATUS_FIRST 16384
#define IKE_NOTIFY_TABLE(X)                                                                \
	X(IKE_N_UNSUPPORTED_CRITICAL_PAYLOAD, 1, "UNSUPPORTED_CRITICAL_PAYLOAD")           \
	X(IKE_N_INVALID_IKE_SPI, 4, "INVALID_IKE_SPI")                                     \
	X(IKE_N_INVALID_MAJOR_VERSION, 5, "INVALID_MAJOR_VERSION")                         \
	X(IKE_N_INVALID_SYNTAX, 7, "INVALID_SYNTAX")                                       \
	X(IKE_N_INVALID_MESSAGE_ID, 9, "INVALID_MESSAGE_ID")                               \
	X(IKE_N_INVALID_SPI, 11, "INVALID_SPI")                                            \
	X(IKE_N_NO_PROPOSAL_CHOSEN, 14, "NO_PROPOSAL_CHOSEN")                              \
	X(IKE_N_INVALID_KE_PAYLOAD, 17, "INVALID_KE_PAYLOAD")                              \
	X(IKE_N_AUTHENTICATION_FAILED, 24, "AUTHENTICATION_FAILED")                        \
	X(IKE_N_SINGLE_PAIR_REQUIRED, 34, "SINGLE_PAIR_REQUIRED")                          \
	X(IKE_N_NO_ADDITIONAL_SAS, 35, "NO_ADDITIONAL_SAS")                                \
	X(IKE_N_INTERNAL_ADDRESS_FAILURE, 36, "INTERNAL_ADDRESS_FAILURE")                  \
	X(IKE_N_FAILED_CP_REQUIRED, 37, "FAILED_CP_REQUIRED")                              \
	X(IKE_N_TS_UNACCEPTABLE, 38, "TS_UNACCEPTABLE")                                    \
	X(IKE_N_INVALID_SELECTORS, 39, "INVALID_SELECTORS")                                \
	X(IKE_N_UNACCEPTABLE_ADDRESSES, 40, "UNACCEPTABLE_ADDRESSES")                      \
	X(IKE_N_UNEXPECTED_NAT_DETECTED, 41, "UNEXPECTED_NAT_DETECTED")                    \
	X(IKE_N_USE_ASSIGNED_HOA, 42, "USE_ASSIGNED_HOA")                                  \
	X(IKE_N_TEMPORARY_FAILURE, 43, "TEMPORARY_FAILURE")                                \
	X(IKE_N_CHILD_SA_NOT_FOUND, 44, "CHILD_SA_NOT_FOUND")                              \
	X(IKE_N_INVALID_GROUP_ID, 45, "INVALID_GROUP_ID")                                  \
	X(IKE_N_AUTHORIZATION_FAILED, 46, "AUTHORIZATION_FAILED")                          \
	X(IKE_N_STATE_NOT_FOUND, 47, "STATE_NOT_FOUND")                                    \
	X(IKE_N_TS_MAX_QUEUE, 48, "TS_MAX_QUEUE")                                          \
	X(IKE_N_INITIAL_CONTACT, 16384, "INITIAL_CONTACT")                                 \
	X(IKE_N_SET_WINDOW_SIZE, 16385, "SET_WINDOW_SIZE")                                 \
	X(IKE_N_ADDITIONAL_TS_POSSIBLE, 16386, "ADDITIONAL_TS_POSSIBLE")                   \
	X(IKE_N_IPCOMP_SUPPORTED, 16387, "IPCOMP_SUPPORTED")                               \
	X(IKE_N_NAT_DETECTION_SOURCE_IP, 16388, "NAT_DETECTION_SOURCE_IP")                 \
	X(IKE_N_NAT_DETECTION_DESTINATION_IP, 16389, "NAT_DETECTION_DESTINATION_IP")       \
	X(IKE_N_COOKIE, 16390, "COOKIE")                                                   \
	X(IKE_N_USE_TRANSPORT_MODE, 16391, "USE_TRANSPORT_MODE")                           \
	X(IKE_N_HTTP_CERT_LOOKUP_SUPPORTED, 16392, "HTTP_CERT_LOOKUP_SUPPORTED")           \
	X(IKE_N_REKEY_SA, 16393, "REKEY_SA")                                               \
	X(IKE_N_ESP_TFC_PADDING_NOT_SUPPORTED, 16394, "ESP_TFC_PADDING_NOT_SUPPORTED")     \
	X(IKE_N_NON_FIRST_FRAGMENTS_ALSO, 16395, "NON_FIRST_FRAGMENTS_ALSO")               \
	/* RFC 4555 */                                                                     \
	X(IKE_N_MOBIKE_SUPPORTED, 16396, "MOBIKE_SUPPORTED")                               \
	X(IKE_N_ADDITIONAL_IP4_ADDRESS, 16397, "ADDITIONAL_IP4_ADDRESS")                   \
	X(IKE_N_ADDITIONAL_IP6_ADDRESS, 16398, "ADDITIONAL_IP6_ADDRESS")                   \
	X(IKE_N_NO_ADDITIONAL_ADDRESSES, 16399, "NO_ADDITIONAL_ADDRESSES")                 \
	X(IKE_N_UPDATE_SA_ADDRESSES, 16400, "UPDATE_SA_ADDRESSES")                         \
	X(IKE_N_COOKIE2, 16401, "COOKIE2")                                                 \
	X(IKE_N_NO_NATS_ALLOWED, 16402, "NO_NATS_ALLOWED")                                 \
	/* RFC 4478 */                                                                     \
	X(IKE_N_AUTH_LIFETIME, 16403, "AUTH_LIFETIME")                                     \
	/* RFC 4739 */                                                                     \
	X(IKE_N_MULTIPLE_AUTH_SUPPORTED, 16404, "MULTIPLE_AUTH_SUPPORTED")                 \
	X(IKE_N_ANOTHER_AUTH_FOLLOWS, 16405, "ANOTHER_AUTH_FOLLOWS")                       \
	/* RFC 5685 */                                                                     \
	X(IKE_N_REDIRECT_SUPPORTED, 16406, "REDIRECT_SUPPORTED")                           \
	X(IKE_N_REDIRECT, 16407, "REDIRECT")                                               \
	X(IKE_N_REDIRECTED_FROM, 16408, "REDIRECTED_FROM")                                 \
	/* RFC 5723 */                                                                     \
	X(IKE_N_TICKET_LT_OPAQUE, 16409, "TICKET_LT_OPAQUE")                               \
	X(IKE_N_TICKET_REQUEST, 16410, "TICKET_REQUEST")                                   \
	/* RFC 5998 */                                                                     \
	X(IKE_N_EAP_ONLY_AUTHENTICATION, 16417, "EAP_ONLY_AUTHENTICATION")                 \
	/* RFC 6023 */                                                                     \
	X(IKE_N_CHILDLESS_IKEV2_SUPPORTED, 16418, "CHILDLESS_IKEV2_SUPPORTED")             \
	/* RFC 6290 */                                                                     \
	X(IKE_N_QUICK_CRASH_DETECTION, 16419, "QUICK_CRASH_DETECTION")                     \
	/* RFC 6311 */                                                                     \
	X(IKE_N_IKEV2_MESSAGE_ID_SYNC_SUPPORTED, 16420, "IKEV2_MESSAGE_ID_SYNC_SUPPORTED") \
	/* RFC 7383 */                                                                     \
	X(IKE_N_IKEV2_FRAGMENTATION_SUPPORTED, 16430, "IKEV2_FRAGMENTATION_SUPPORTED")     \
	/* RFC 7427 */                                                                     \
	X(IKE_N_SIGNATURE_HASH_ALGORITHMS, 16431, "SIGNATURE_HASH_ALGORITHMS")             \
	/* RFC 7791 */                                                                     \
	X(IKE_N_CLONE_IKE_SA_SUPPORTED, 16432, "CLONE_IKE_SA_SUPPORTED")                   \
	X(IKE_N_CLONE_IKE_SA, 16433, "CLONE_IKE_SA")                                       \
	/* RFC 8784 */                                                                     \
	X(IKE_N_USE_PPK, 16435, "USE_PPK")                                                 \
	X(IKE_N_PPK_IDENTITY, 16436, "PPK_IDENTITY")                                       \
	X(IKE_N_NO_PPK_AUTH, 16437, "NO_PPK_AUTH")                                         \
	/* RFC 9242 */                                                                     \
	X(IKE_N_INTERMEDIATE_EXCHANGE_SUPPORTED, 16438, "INTERMEDIATE_EXCHANGE_SUPPORTED") \
	/* RFC 8983 */                                                                     \
	X(IKE_N_IP4_ALLOWED, 16439, "IP4_ALLOWED")                                         \
	X(IKE_N_IP6_ALLOWED, 16440, "IP6_ALLOWED")                                         \
	/* RFC 9370 */                                                                     \
	X(IKE_N_ADDITIONAL_KEY_EXCHANGE, 16441, "ADDITIONAL_KEY_EXCHANGE")                 \
	/* RFC 9347 */                                                                     \
	X(IKE_N_USE_AGGFRAG, 16442, "USE_AGGFRAG")                                         \
	/* RFC 9593 */                                                                     \
	X(IKE_N_SUPPORTED_AUTH_METHODS, 16443, "SUPPORTED_AUTH_METHODS")

#define IKE_ENUM_ENTRY(symbol, value, name) symbol = value,
enum ike_exchange_type { IKE_EXCHANGE_TABLE(IKE_ENUM_ENTRY) };
enum ike_payload_type { IKE_PAYLOAD_TABLE(IKE_ENUM_ENTRY) };
enum ike_protocol { IKE_PROTOCOL_TABLE(IKE_ENUM_ENTRY) };
enum ike_transform_type { IKE_TRANSFORM_TYPE_TABLE(IKE_ENUM_ENTRY) };
enum ike_encr { IKE_ENCR_TABLE(IKE_ENUM_ENTRY) };
enum ike_prf_id { IKE_PRF_TABLE(IKE_ENUM_ENTRY) };
enum ike_integ { IKE_INTEG_TABLE(IKE_ENUM_ENTRY) };
enum ike_ke_method { IKE_KE_TABLE(IKE_ENUM_ENTRY) };
enum ike_esn { IKE_ESN_TABLE(IKE_ENUM_ENTRY) };
enum ike_auth_method { IKE_AUTH_TABLE(IKE_ENUM_ENTRY) };
enum ike_hash { IKE_HASH_TABLE(IKE_ENUM_ENTRY) };
enum ike_id_type { IKE_ID_TABLE(IKE_ENUM_ENTRY) };
enum ike_cert_encoding { IKE_CERT_TABLE(IKE_ENUM_ENTRY) };
enum ike_ts_type { IKE_TS_TABLE(IKE_ENUM_ENTRY) };
enum ike_cfg_type { IKE_CFG_TABLE(IKE_ENUM_ENTRY) };
enum ike_notify_type { IKE_NOTIFY_TABLE(IKE_ENUM_ENTRY) };
#undef IKE_ENUM_ENTRY

/* One registry: numbers with their names, in ascending order. */
struct ike_name {
	uint16_t value;
	const char *name;
};

struct ike_names {
	const char *registry; /* what an unknown number is called: "registry(123)" */
	const struct ike_name *entries;
	size_t n;
};

extern const struct ike_names ike_names_exchange;
extern const struct ike_names ike_names_payload;
extern const struct ike_names ike_names_protocol;
extern const struct ike_names ike_names_transform_type;
extern const struct ike_names ike_names_encr;
extern const struct ike_names ike_names_prf;
extern const struct ike_names ike_names_integ;
extern const struct ike_names ike_names_ke;
extern const struct ike_names ike_names_esn;
extern const struct ike_names ike_names_auth;
extern const struct ike_names ike_names_hash;
extern const struct ike_names ike_names_id;
extern const struct ike_names ike_names_cert;
extern const struct ike_names ike_names_ts;
extern const struct ike_names ike_names_cfg;
extern const struct ike_names ike_names_notify;

/* The table of the transforms of a type; NULL for a type that has none here. */
const struct ike_names *ike_names_of_transform(unsigned type);

/* The name of a number, or NULL if the table does not know it. */
const char *ike_name(const struct ike_names *names, unsigned value);

/* The number of a name, compared without regard to case: 0 and *ret_value, or -ENOENT. */
int ike_number(const struct ike_names *names, const char *name, unsigned *ret_value);

/*
 * The name, or "registry(123)" written to buf: for logs. Always returns a
 * string that lives as long as buf does.
 */
#define IKE_NAME_BUF 40
const char *ike_name_str(const struct ike_names *names, unsigned value, char buf[IKE_NAME_BUF]);

static inline bool ike_notify_is_error(unsigned type)
{
	return type < IKE_NOTIFY_STATUS_FIRST;
}
