// SPDX-License-Identifier: Apache-2.0
/* Policies: the built-in ones transform by transform, names as everyone spells them. */
#include "lib/configtest.h"

/* The proposals of a policy as text, joined by blanks. */
static char *proposals(const struct cg_proposal *p, size_t n)
{
	_cleanup_strbuf_ struct cg_strbuf b = {0};

	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *s = cg_proposal_format(&p[i]);

		strbuf_addf(&b, "%s%s", i ? " " : "", s);
	}
	return strbuf_take(&b);
}

static void assert_ike(const struct cg_policy *p, const char *expected)
{
	_cleanup_free_ char *s = proposals(p->ike, p->n_ike);

	assert_string_equal(s, expected);
}

static void assert_esp(const struct cg_policy *p, const char *expected)
{
	_cleanup_free_ char *s = proposals(p->esp, p->n_esp);

	assert_string_equal(s, expected);
}

static const struct cg_policy *policy_of(const struct loaded *l)
{
	assert_good(l);
	return l->config->connections[0].policy;
}

static bool has(const struct cg_proposal *p, uint8_t type, uint16_t id, uint16_t keylen)
{
	for (size_t i = 0; i < p->n_transforms; i++)
		if (p->transforms[i].type == type && p->transforms[i].id == id &&
		    p->transforms[i].keylen == keylen)
			return true;
	return false;
}

/* IANA "IKEv2 Parameters" */
static void transforms_carry_ianas_numbers(void **state)
{
	_cleanup_loaded_ struct loaded l = load_text("{}");
	const struct cg_policy *p;

	(void)state;
	assert_good(&l);
	p = cg_config_find_policy(l.config, "default");
	assert_int_equal(p->n_ike, 2);
	assert_true(has(&p->ike[0], 1, 20, 256));
	assert_true(has(&p->ike[0], 1, 20, 128));
	assert_true(has(&p->ike[0], 1, 28, 0));
	assert_true(has(&p->ike[0], 2, 5, 0));
	assert_true(has(&p->ike[0], 2, 6, 0));
	assert_true(has(&p->ike[0], 2, 7, 0));
	assert_true(has(&p->ike[0], 4, 31, 0));
	assert_true(has(&p->ike[0], 4, 19, 0));
	assert_true(has(&p->ike[0], 4, 20, 0));
	assert_true(has(&p->ike[0], 4, 14, 0));
	assert_true(has(&p->ike[1], 1, 12, 256));
	assert_true(has(&p->ike[1], 3, 12, 0));
	assert_true(has(&p->ike[1], 3, 13, 0));
	assert_true(has(&p->ike[1], 3, 14, 0));
	assert_true(has(&p->esp[0], 5, 1, 0));
	assert_true(has(&p->esp[0], 5, 0, 0));
	assert_null(p->weak);
	assert_false(p->allow_sha1_signatures);
}

static void aead_and_other_ciphers_never_share_a_proposal(void **state)
{
	_cleanup_loaded_ struct loaded l = load_policy(
		"{ike: {encryption: [AES256, GCMAES256, AES128]}, ipsec: {encryption: [CHACHA20, AES128]}}");
	const struct cg_policy *p = policy_of(&l);

	(void)state;
	assert_ike(
		p,
		"AES_CBC-256+AES_CBC-128/HMAC_SHA2_256_128+HMAC_SHA2_384_192+HMAC_SHA2_512_256/"
		"PRF_HMAC_SHA2_256+PRF_HMAC_SHA2_384+PRF_HMAC_SHA2_512/CURVE25519+ECP_256+ECP_384+MODP_2048 "
		"AES_GCM_16-256/PRF_HMAC_SHA2_256+PRF_HMAC_SHA2_384+PRF_HMAC_SHA2_512/"
		"CURVE25519+ECP_256+ECP_384+MODP_2048");
	assert_esp(p,
		   "CHACHA20_POLY1305/ESN+NO_ESN "
		   "AES_CBC-128/HMAC_SHA2_256_128+HMAC_SHA2_384_192+HMAC_SHA2_512_256/ESN+NO_ESN");
}

static void azure_default_is_what_that_service_negotiates(void **state)
{
	_cleanup_loaded_ struct loaded l = load_connection(REMOTE INBOUND NETWORKS
							   "    policy: azure-default\n");
	const struct cg_policy *p = policy_of(&l);

	(void)state;
	assert_ike(
		p,
		"AES_CBC-256+AES_CBC-128/HMAC_SHA2_256_128+HMAC_SHA1_96/PRF_HMAC_SHA2_256+PRF_HMAC_SHA1/MODP_1024");
	assert_esp(p,
		   "AES_GCM_16-256/ESN+NO_ESN AES_CBC-256/HMAC_SHA1_96/ESN+NO_ESN "
		   "AES_CBC-256/HMAC_SHA2_256_128/ESN+NO_ESN AES_CBC-128/HMAC_SHA1_96/ESN+NO_ESN");
	assert_int_equal(p->ike_lifetime_seconds, 28800);
	assert_int_equal(p->esp_lifetime_seconds, 27000);
	assert_int_equal(p->esp_lifetime_bytes, UINT64_C(102400000) * 1024);
	assert_int_equal(p->pfs.n_offer, 0);
	assert_int_equal(p->pfs.n_accept, 3);
	assert_int_equal(p->pfs.accept[0], 2);
	assert_int_equal(p->pfs.accept[1], 14);
	assert_int_equal(p->pfs.accept[2], 24);
	assert_true(p->pfs.accept_none);
	assert_true(l.config->connections[0].allow_sha1_signatures);
	assert_said(
		&l,
		"warning: connections[hq].policy: policy 'azure-default' allows what is weak: PRF_HMAC_SHA1, HMAC_SHA1_96, "
		"MODP_1024 (group 2), MODP_2048_256 (group 24), signatures with SHA-1");
}

static void a_custom_policy_is_accepted_as_that_service_spells_it(void **state)
{
	_cleanup_loaded_ struct loaded l = load_policy(
		"{base: azure-custom, ike: {encryption: AES256, integrity: SHA384, dh_groups: DHGroup24, lifetime_seconds: 28800},"
		" ipsec: {encryption: GCMAES256, integrity: GCMAES256, pfs_group: PFS24, lifetime_seconds: 14400,"
		" lifetime_kilobytes: 819200}}");
	const struct cg_policy *p = policy_of(&l);

	(void)state;
	assert_ike(p, "AES_CBC-256/HMAC_SHA2_384_192/PRF_HMAC_SHA2_384/MODP_2048_256");
	assert_esp(p, "AES_GCM_16-256/ESN+NO_ESN");
	assert_int_equal(p->pfs.n_offer, 1);
	assert_int_equal(p->pfs.offer[0], 24);
	assert_false(p->pfs.accept_none);
	assert_int_equal(p->esp_lifetime_seconds, 14400);
	assert_int_equal(p->esp_lifetime_bytes, UINT64_C(819200) * 1024);
	assert_said(&l, "MODP_2048_256 (group 24)");
}

/*
 * All that the service lets a custom policy name, and what becomes of it: the transforms, or, after '!', why not. What it names weak
 * works with a warning. Unlike there, IKE and IPsec take the same names.
 */
static void every_name_of_that_service_has_its_answer(void **state)
{
	static const struct {
		const char *policy, *ike, *esp; /* NULL: not looked at */
		bool weak;
	} cases[] = {
#define IKE(e, i, g) "{ike: {encryption: " e ", integrity: " i ", dh_groups: " g "}}"
#define ESP(e, i, g) "{ipsec: {encryption: " e ", integrity: " i ", pfs_group: " g "}}"
		{IKE("AES128", "SHA256", "DHGroup14"),
		 "AES_CBC-128/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/MODP_2048", NULL, false},
		{IKE("AES192", "SHA384", "DHGroup2048"),
		 "AES_CBC-192/HMAC_SHA2_384_192/PRF_HMAC_SHA2_384/MODP_2048", NULL, false},
		{IKE("AES256", "SHA1", "DHGroup2"),
		 "AES_CBC-256/HMAC_SHA1_96/PRF_HMAC_SHA1/MODP_1024", NULL, true},
		{IKE("GCMAES128", "SHA256", "ECP256"), "AES_GCM_16-128/PRF_HMAC_SHA2_256/ECP_256",
		 NULL, false},
		{IKE("GCMAES256", "SHA384", "ECP384"), "AES_GCM_16-256/PRF_HMAC_SHA2_384/ECP_384",
		 NULL, false},
		{IKE("GCMAES256", "SHA384", "DHGroup24"),
		 "AES_GCM_16-256/PRF_HMAC_SHA2_384/MODP_2048_256", NULL, true},
		{IKE("DES", "SHA256", "DHGroup14"), "!DES is broken", NULL, false},
		{IKE("DES3", "SHA256", "DHGroup14"), "!DES is broken", NULL, false},
		{IKE("AES256", "MD5", "DHGroup14"), "!MD5 is broken", NULL, false},
		{IKE("AES256", "SHA256", "DHGroup1"), "!group 1 (768 bits) is broken", NULL, false},
		{IKE("AES256", "SHA256", "None"), "!an IKE SA always has a key exchange", NULL,
		 false},
		{ESP("GCMAES128", "GCMAES128", "None"), NULL, "AES_GCM_16-128/ESN+NO_ESN", false},
		{ESP("GCMAES192", "GCMAES192", "PFS14"), NULL, "AES_GCM_16-192/ESN+NO_ESN", false},
		{ESP("GCMAES256", "GCMAES256", "PFS2048"), NULL, "AES_GCM_16-256/ESN+NO_ESN",
		 false},
		{ESP("AES128", "SHA256", "ECP256"), NULL,
		 "AES_CBC-128/HMAC_SHA2_256_128/ESN+NO_ESN", false},
		{ESP("AES192", "SHA256", "ECP384"), NULL,
		 "AES_CBC-192/HMAC_SHA2_256_128/ESN+NO_ESN", false},
		{ESP("AES256", "SHA1", "PFS2"), NULL, "AES_CBC-256/HMAC_SHA1_96/ESN+NO_ESN", true},
		{ESP("AES256", "SHA256", "PFS24"), NULL, "AES_CBC-256/HMAC_SHA2_256_128/ESN+NO_ESN",
		 true},
		{ESP("AES256", "SHA256", "PFSMM"), NULL, "AES_CBC-256/HMAC_SHA2_256_128/ESN+NO_ESN",
		 false},
		{ESP("AES256", "SHA256", "PFS1"), NULL, "!group 1 (768 bits) is broken", false},
		{ESP("None", "SHA256", "None"), NULL, "!without encryption is never set up", false},
		{ESP("DES", "SHA256", "None"), NULL, "!DES is broken", false},
		{ESP("DES3", "SHA256", "None"), NULL, "!DES is broken", false},
		{ESP("AES256", "MD5", "None"), NULL, "!MD5 is broken", false},
		{ESP("AES256", "None", "None"), NULL, "!left out, or the name of the AEAD cipher",
		 false},
		{ESP("AES256", "GCMAES256", "None"), NULL,
		 "!found the cipher AES_GCM_16-256, which 'encryption' does not have", false},
#undef IKE
#undef ESP
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *refused = cases[i].ike ? cases[i].ike : cases[i].esp;
		_cleanup_loaded_ struct loaded l = load_policy(cases[i].policy);

		if (refused[0] == '!') {
			assert_refused(&l, refused + 1);
			continue;
		}
		if (cases[i].ike)
			assert_ike(policy_of(&l), cases[i].ike);
		if (cases[i].esp)
			assert_esp(policy_of(&l), cases[i].esp);
		assert_int_equal(policy_of(&l)->weak != NULL, cases[i].weak);
		if (cases[i].weak)
			assert_said(&l, "policy 'p' allows what is weak");
	}
}

static void integrity_names_the_prf_of_an_aead_ike_sa(void **state)
{
	_cleanup_loaded_ struct loaded l = load_policy(
		"{ike: {encryption: [GCMAES256], integrity: [SHA384], dh_groups: [ECP384]}}");

	(void)state;
	assert_ike(policy_of(&l), "AES_GCM_16-256/PRF_HMAC_SHA2_384/ECP_384");
	assert_null(policy_of(&l)->weak);
}

static void pfs_groups_are_offered_in_order_and_none_is_a_choice(void **state)
{
	static const struct {
		const char *text;
		size_t n;
		uint16_t groups[4];
		bool none;
	} cases[] = {
		{"None", 0, {0}, true},
		{"ECP384", 1, {20}, false},
		{"[PFS2048, None]", 1, {14}, true},
		{"PFS2", 1, {2}, false},
		{"PFS14", 1, {14}, false},
		{"[ECP256, 14, DHGroup2]", 3, {19, 14, 2}, false},
		{"PFSMM", 4, {31, 19, 20, 14}, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *text = str_printf("{ipsec: {pfs_group: %s}}", cases[i].text);
		_cleanup_loaded_ struct loaded l = load_policy(text);
		const struct cg_pfs *pfs = &policy_of(&l)->pfs;

		assert_int_equal(pfs->n_offer, cases[i].n);
		assert_int_equal(pfs->n_accept, cases[i].n);
		for (size_t k = 0; k < cases[i].n; k++)
			assert_int_equal(pfs->offer[k], cases[i].groups[k]);
		assert_int_equal(pfs->accept_none, cases[i].none);
	}
}

/* As the registry of key exchange methods has them. */
static void groups_have_the_registrys_names(void **state)
{
	static const char *const names[][2] = {
		{"1024-bit MODP Group", "MODP_1024"},
		{"2048-bit MODP Group", "MODP_2048"},
		{"3072-bit MODP Group", "MODP_3072"},
		{"4096-bit MODP Group", "MODP_4096"},
		{"256-bit random ECP group", "ECP_256"},
		{"384-bit random ECP group", "ECP_384"},
		{"521-bit random ECP group", "ECP_521"},
		{"2048-bit MODP Group with 256-bit Prime Order Subgroup", "MODP_2048_256"},
		{"Curve25519", "CURVE25519"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_free_ char *text = str_printf(
			"{ike: {encryption: GCMAES256, prf: SHA256, dh_groups: %s}}", names[i][0]);
		_cleanup_free_ char *wanted = str_printf("AES_GCM_16-256/PRF_HMAC_SHA2_256/%s",
							 names[i][1]);
		_cleanup_loaded_ struct loaded l = load_policy(text);

		assert_ike(policy_of(&l), wanted);
	}
}

static void all_spellings_of_an_algorithm_are_one(void **state)
{
	static const char *const gcm[] = {"AES_GCM_16-256", "ENCR_AES_GCM_16-256", "aes-gcm-256",
					  "GCMAES256",	    "AES256GCM16",	   "aes256gcm",
					  "AES_GCM_16_256"};
	static const char *const group[] = {"14",	 "DHGroup14", "DHGroup2048",
					    "PFS2048",	 "PFS14",     "MODP2048",
					    "modp_2048", "group14",   "2048_MODP"};
	static const char *const hash[] = {
		"SHA256",	 "SHA2_256",   "HMAC_SHA2_256_128", "AUTH_HMAC_SHA2_256_128",
		"hmac-sha2-256", "HMAC-SHA256"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(gcm); i++) {
		_cleanup_free_ char *text = str_printf("{ipsec: {encryption: %s}}", gcm[i]);
		_cleanup_loaded_ struct loaded l = load_policy(text);

		assert_esp(policy_of(&l), "AES_GCM_16-256/ESN+NO_ESN");
	}
	for (size_t i = 0; i < ARRAY_SIZE(group); i++) {
		_cleanup_free_ char *text = str_printf(
			"{ike: {encryption: GCMAES128, prf: SHA256, dh_groups: %s}}", group[i]);
		_cleanup_loaded_ struct loaded l = load_policy(text);

		assert_ike(policy_of(&l), "AES_GCM_16-128/PRF_HMAC_SHA2_256/MODP_2048");
	}
	for (size_t i = 0; i < ARRAY_SIZE(hash); i++) {
		_cleanup_free_ char *text = str_printf(
			"{ipsec: {encryption: AES256, integrity: %s}}", hash[i]);
		_cleanup_loaded_ struct loaded l = load_policy(text);

		assert_esp(policy_of(&l), "AES_CBC-256/HMAC_SHA2_256_128/ESN+NO_ESN");
	}
}

static void additional_key_exchanges_are_one_type_each(void **state)
{
	_cleanup_loaded_ struct loaded l = load_policy(
		"{ike: {encryption: GCMAES256, prf: SHA256, dh_groups: CURVE25519,"
		" additional_key_exchanges: [[ECP384, MODP3072], ECP256]},"
		" ipsec: {encryption: GCMAES256, pfs_group: CURVE25519, additional_key_exchanges: ECP384}}");
	_cleanup_loaded_ struct loaded optional = load_policy(
		"{ike: {encryption: [GCMAES256, AES256], integrity: SHA256, prf: SHA256, dh_groups: CURVE25519,"
		" additional_key_exchanges: [[ECP384, None], [None, 24]]}}");
	const struct cg_policy *p = policy_of(&l);

	(void)state;
	assert_ike(
		p,
		"AES_GCM_16-256/PRF_HMAC_SHA2_256/CURVE25519/ADDKE1_ECP_384+ADDKE1_MODP_3072/ADDKE2_ECP_256");
	assert_esp(p, "AES_GCM_16-256/ADDKE1_ECP_384/ESN+NO_ESN");
	assert_null(p->weak);
	/* For a peer that does not know them there is a proposal without. */
	p = policy_of(&optional);
	assert_ike(
		p,
		"AES_GCM_16-256/PRF_HMAC_SHA2_256/CURVE25519/ADDKE1_ECP_384+NO_ADDKE1/NO_ADDKE2+ADDKE2_MODP_2048_256 "
		"AES_CBC-256/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/CURVE25519/ADDKE1_ECP_384+NO_ADDKE1/"
		"NO_ADDKE2+ADDKE2_MODP_2048_256 "
		"AES_GCM_16-256/PRF_HMAC_SHA2_256/CURVE25519 "
		"AES_CBC-256/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/CURVE25519");
	assert_string_equal(p->weak, "MODP_2048_256 (group 24)");
}

static void additional_key_exchanges_that_cannot_be_are_refused(void **state)
{
	static const char *const cases[][2] = {
		{"{ike: {additional_key_exchanges: []}}", "found an empty list"},
		{"{ike: {additional_key_exchanges: [[]]}}",
		 "ike.additional_key_exchanges[0]: found an empty list"},
		{"{ike: {additional_key_exchanges: [ECP384, MLKEM99999]}}",
		 "ike.additional_key_exchanges[1]: found 'MLKEM99999', expected a group"},
		{"{ike: {additional_key_exchanges: [14, 15, 16, 19, 20, 21, 31, 2]}}",
		 "found 8 items, expected at most 7"},
		{"{ike: {additional_key_exchanges: {a: b}}}", "expected a list of groups"},
		{"{ike: {additional_key_exchanges: PFSMM}}", "[only pfs_group has it]"},
		{"{ike: {additional_key_exchanges: 1}}", "[group 1 (768 bits) is broken"},
		{"{ike: {additional_key_exchanges: ML-KEM-768}}", "[ML-KEM is not implemented"},
		{"{ike: {dh_groups: ml_kem_1024}}", "[ML-KEM is not implemented"},
		{"{ipsec: {pfs_group: None, additional_key_exchanges: ECP384}}",
		 "ipsec.additional_key_exchanges: there is no key exchange that it could be added to"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_loaded_ struct loaded l = load_policy(cases[i][0]);

		assert_refused(&l, cases[i][1]);
	}
}

static void built_in_names_cannot_be_taken(void **state)
{
	_cleanup_loaded_ struct loaded l = load_text("policies: {default: {}}\n");
	_cleanup_loaded_ struct loaded longer = load_text(
		"policies: {abcdefghijklmnopqrstuvwxyz0123456789: {}}\n");

	(void)state;
	assert_refused(&l, "policies[default]: a built-in policy has this name");
	assert_refused(&longer, "the name is longer than 31 bytes");
}

static void weak_choices_load_with_a_warning_for_each_connection(void **state)
{
	_cleanup_loaded_ struct loaded weak = load_policy(
		"{ike: {encryption: AES256, integrity: SHA1, dh_groups: 2}, ipsec: {encryption: AES256, integrity: SHA1}}");
	_cleanup_loaded_ struct loaded unused = load_text("policies: {p: {ike: {dh_groups: 2}}}\n");

	(void)state;
	assert_ike(policy_of(&weak), "AES_CBC-256/HMAC_SHA1_96/PRF_HMAC_SHA1/MODP_1024");
	assert_said(
		&weak,
		"warning: connections[hq].policy: policy 'p' allows what is weak: PRF_HMAC_SHA1, HMAC_SHA1_96, MODP_1024 (group 2)");
	assert_int_equal(weak.diags.n_warnings, 1);
	assert_good(&unused);
	assert_int_equal(unused.diags.n_warnings, 0);
}

static void a_base_keeps_what_is_not_changed(void **state)
{
	_cleanup_loaded_ struct loaded l = load_policy(
		"{base: azure-default, ike: {dh_groups: 14}, ipsec: {lifetime_seconds: 1h, esn: false}}");
	const struct cg_policy *p = policy_of(&l);

	(void)state;
	assert_ike(
		p,
		"AES_CBC-256+AES_CBC-128/HMAC_SHA2_256_128+HMAC_SHA1_96/PRF_HMAC_SHA2_256+PRF_HMAC_SHA1/MODP_2048");
	assert_esp(
		p,
		"AES_GCM_16-256/NO_ESN AES_CBC-256/HMAC_SHA1_96/NO_ESN AES_CBC-256/HMAC_SHA2_256_128/NO_ESN "
		"AES_CBC-128/HMAC_SHA1_96/NO_ESN");
	assert_int_equal(p->esp_lifetime_seconds, 3600);
	assert_int_equal(p->pfs.n_accept, 3);
	assert_true(p->allow_sha1_signatures);
}

static void integrity_beside_aead_ciphers_alone_is_warned_of(void **state)
{
	_cleanup_loaded_ struct loaded l = load_policy(
		"{ipsec: {encryption: GCMAES256, integrity: SHA256}}");

	(void)state;
	assert_esp(policy_of(&l), "AES_GCM_16-256/ESN+NO_ESN");
	assert_said(&l, "warning: policies[p].ipsec.integrity: is not used");
}

static void every_proposal_of_every_policy_is_complete(void **state)
{
	_cleanup_loaded_ struct loaded l = load_text(
		"policies: {a: {ike: {encryption: AES192, prf: SHA512}}, b: {base: azure-custom, "
		"ipsec: {encryption: [AES128, CHACHA20], integrity: SHA512}}}\n");

	(void)state;
	assert_good(&l);
	assert_int_equal(l.config->n_policies, 5);
	for (size_t i = 0; i < l.config->n_policies; i++) {
		const struct cg_policy *p = &l.config->policies[i];

		assert_true(p->n_ike && p->n_esp);
		for (size_t k = 0; k < p->n_ike + p->n_esp; k++) {
			const struct cg_proposal *x = k < p->n_ike ? &p->ike[k]
								   : &p->esp[k - p->n_ike];
			size_t n[6] = {0}, aead = 0;

			for (size_t t = 0; t < x->n_transforms; t++) {
				n[x->transforms[t].type]++;
				aead += x->transforms[t].type == 1 && x->transforms[t].id >= 18;
			}
			assert_true(n[1] > 0);
			assert_true(aead == 0 || aead == n[1]);
			assert_int_equal(n[3] > 0, aead == 0);
			assert_int_equal(n[2] > 0, k < p->n_ike);
			assert_int_equal(n[4] > 0, k < p->n_ike);
			assert_int_equal(n[5] > 0, k >= p->n_ike);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(transforms_carry_ianas_numbers),
		cmocka_unit_test(aead_and_other_ciphers_never_share_a_proposal),
		cmocka_unit_test(azure_default_is_what_that_service_negotiates),
		cmocka_unit_test(a_custom_policy_is_accepted_as_that_service_spells_it),
		cmocka_unit_test(every_name_of_that_service_has_its_answer),
		cmocka_unit_test(integrity_names_the_prf_of_an_aead_ike_sa),
		cmocka_unit_test(pfs_groups_are_offered_in_order_and_none_is_a_choice),
		cmocka_unit_test(all_spellings_of_an_algorithm_are_one),
		cmocka_unit_test(groups_have_the_registrys_names),
		cmocka_unit_test(additional_key_exchanges_are_one_type_each),
		cmocka_unit_test(additional_key_exchanges_that_cannot_be_are_refused),
		cmocka_unit_test(built_in_names_cannot_be_taken),
		cmocka_unit_test(weak_choices_load_with_a_warning_for_each_connection),
		cmocka_unit_test(a_base_keeps_what_is_not_changed),
		cmocka_unit_test(integrity_beside_aead_ciphers_alone_is_warned_of),
		cmocka_unit_test(every_proposal_of_every_policy_is_complete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
