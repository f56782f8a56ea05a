# SPDX-License-Identifier: Apache-2.0
#
# The door to everything: builds, installs, tests. The work is done in
# userspace/Makefile, tests/Makefile, Kbuild and scripts/; nothing here or there
# names single source files, which are found where they lie.
#
#   make KDIR=DIR     the module for the kernel built in DIR, instead of Debian's
#   make O=DIR        build into DIR instead of build/
#   make SANITIZE=1   userspace with AddressSanitizer and UBSan, into O/asan

O ?= build
PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
DESTDIR ?=
SHELL := /bin/bash
export O

# Debian's kernels and the two of User-mode Linux: what tests run on.
DEBIAN_KERNELS := 6.1 6.12
TEST_KERNELS := $(DEBIAN_KERNELS) uml uml-debug

.DEFAULT_GOAL := all
.PHONY: all userspace module modules install modules_install unit test test-everywhere test-smp interop lint \
	check-style demo bench bench-ike soak fuzz setup format clean help

##@ Building

all: userspace modules	## userspace, and the module for Debian's kernels (or for KDIR)

# One at a time, should two of us build in one tree.
userspace:	## build/certgate and build/certgated
	@mkdir -p $(O)
	@flock $(O)/.userspace.lock $(MAKE) --no-print-directory -f userspace/Makefile

ifdef KDIR
modules: module
module:	## the module for KDIR (default: the running kernel)
	@scripts/lib/build-module $(KDIR)
else
module:
	@scripts/lib/build-module /lib/modules/$$(uname -r)/build
modules: $(DEBIAN_KERNELS:%=module-%)	## the module for Debian's 6.1 and 6.12
endif

# Before scripts/setup was run there is a kernel only where its headers are installed.
module-%:	## module-6.1, module-6.12, module-uml, module-uml-debug
	@if scripts/kernel path $* quiet; then \
		scripts/lib/build-module "$$(scripts/kernel path $* build)"; \
	else \
		case $* in \
		6.1) kdir=$$(ls -d /usr/src/linux-headers-6.1.*-amd64 2>/dev/null | sort -V | tail -n 1) ;; \
		6.12) kdir=$$(ls -d /usr/src/linux-headers-6.12.*-amd64 2>/dev/null | sort -V | tail -n 1) ;; \
		esac; \
		if [ -n "$$kdir" ]; then \
			scripts/lib/build-module "$$kdir"; \
		else \
			echo "kernel $* is not there: scripts/setup gets it" >&2; \
			exit 1; \
		fi; \
	fi

kunit-%:	## kunit-uml, kunit-uml-debug: the module with its KUnit tests in it
	@scripts/lib/build-module --kunit "$$(scripts/kernel path $* build)"

setup:	## install what building and testing take (scripts/setup)
	@scripts/setup --test

##@ Installing

install: userspace	## programs, manuals, examples, systemd unit and user, to DESTDIR and PREFIX
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/sbin
	$(if $(wildcard userspace/cli/*.c),install -m 755 $(O)/certgate $(DESTDIR)$(PREFIX)/bin/certgate)
	$(if $(wildcard userspace/daemon/*.c),install -m 755 $(O)/certgated $(DESTDIR)$(PREFIX)/sbin/certgated)
	@for page in docs/man/*.[1-8]; do \
		[ -e "$$page" ] || continue; \
		dir=$(DESTDIR)$(PREFIX)/share/man/man$${page##*.}; \
		install -d "$$dir" && echo "install $$page" && install -m 644 "$$page" "$$dir/" || exit 1; \
	done
	install -d $(DESTDIR)$(PREFIX)/share/doc/certgate
	install -m 644 docs/json.md $(DESTDIR)$(PREFIX)/share/doc/certgate/json.md
	@for example in $$(find docs/examples -name '*.yaml'); do \
		echo "install $$example"; \
		install -D -m 644 "$$example" "$(DESTDIR)$(PREFIX)/share/doc/certgate/$${example#docs/}" || exit 1; \
	done
	@for unit in userspace/daemon/*.service; do \
		[ -e "$$unit" ] || continue; \
		dir=$(DESTDIR)$(PREFIX)/lib/systemd/system; \
		install -d "$$dir" && echo "install $$unit" && \
		sed 's,@PREFIX@,$(PREFIX),g; s,@SYSCONFDIR@,$(SYSCONFDIR),g' "$$unit" >"$$dir/$${unit##*/}" || exit 1; \
	done
	@for conf in userspace/daemon/*.sysusers.conf; do \
		[ -e "$$conf" ] || continue; \
		dir=$(DESTDIR)$(PREFIX)/lib/sysusers.d; name=$${conf##*/}; \
		install -d "$$dir" && echo "install $$conf" && \
		install -m 644 "$$conf" "$$dir/$${name%.sysusers.conf}.conf" || exit 1; \
	done

modules_install:	## the module for the running kernel or KDIR, to INSTALL_MOD_PATH (or DESTDIR)
	@scripts/lib/build-module --install "$(or $(INSTALL_MOD_PATH),$(DESTDIR))" \
		"$(or $(KDIR),/lib/modules/$(shell uname -r)/build)"

##@ Testing

.PHONY: helpers
helpers: userspace
	@flock $(O)/.userspace.lock $(MAKE) --no-print-directory -f tests/Makefile helpers

# What a test run needs, and nothing else, is built by these; with ccache, whose objects lie beside the kernels of the
# tests and serve every clone.
test-builds: export CC_CACHE := $(shell command -v ccache)
test-builds: export CCACHE_DIR := $(or $(CERTGATE_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/certgate)/ccache
test-builds: export CCACHE_BASEDIR := $(CURDIR)
test-builds: export CCACHE_NOHASHDIR := 1
test-builds: export CCACHE_MAXSIZE := 2G
test-builds: export CCACHE_SLOPPINESS := include_file_ctime,include_file_mtime
.PHONY: test-builds
test-builds: userspace helpers $(TEST_KERNELS:%=module-%) kunit-uml kunit-uml-debug
	@mkdir -p $(O)/asan
	@flock $(O)/asan/.lock $(MAKE) --no-print-directory -f tests/Makefile
	@mkdir -p $(O)/fuzz
	@flock $(O)/fuzz/.lock $(MAKE) --no-print-directory -f tests/Makefile fuzzers
	@flock $(O)/.userspace.lock $(MAKE) --no-print-directory -f tests/Makefile bench-ike-programs

test:	## all tests of all layers; closes with "N passed, N failed"
	@scripts/setup --test
	@$(MAKE) --no-print-directory -j$$(nproc) test-builds
	@tests/run

test-everywhere:	## and each on every kernel that can run it: an hour and more
	@scripts/setup --test
	@$(MAKE) --no-print-directory -j$$(nproc) test-builds
	@tests/run --everywhere

# What several CPUs can do to each other: the parallel path, teardown, revocation, stress.
# Not async.sh: this kernel has no pcrypt, and cryptd takes nothing that x86 has made asynchronous already; Debian's kernels run it with two CPUs in `make test`.
SMP_TESTS := counters handover lease limits pmtu replay revoke share starved stress teardown traffic trains
test-smp:	## kselftests under lockdep and KASAN on 2 and on 4 CPUs, a minute of stress among them: hours
	@scripts/setup --test
	@scripts/kernel get smp-debug
	@$(MAKE) --no-print-directory helpers module-smp-debug
	@status=0; for cpus in 2 4; do \
		CERTGATE_STRESS_SECONDS=60 CERTGATE_SHARE=2 tests/run --layer kselftest --kernel smp-debug --smp $$cpus --jobs 1 \
			$(SMP_TESTS:%=--only %.sh) || status=1; done; exit $$status

interop:	## the interoperability tests, and docs/interop.md from what they say
	@$(MAKE) --no-print-directory -j$$(nproc) test-builds
	@tests/run --layer interop
	@tests/interop-report

unit:	## the unit tests, under AddressSanitizer and UBSan
	@mkdir -p $(O)/asan
	@flock $(O)/asan/.lock $(MAKE) --no-print-directory -f tests/Makefile
	@tests/run --layer unit

lint check-style:	## licences, text, checkpatch, sparse, clang-format, clang-tidy, cppcheck, shellcheck
	@scripts/lint

format:	## clang-format on userspace and its tests
	clang-format -i $$(git ls-files 'userspace/*.[ch]' 'tests/*.[ch]')

demo:	## two sites, two gateways, strongSwan, in a VM with Debian's 6.1: the main job on the screen
	@scripts/setup --demo
	@$(MAKE) --no-print-directory userspace helpers module-6.1
	@scripts/vm --kernel 6.1 --mem 3G --timeout 900 -- scripts/demo

ifneq ($(wildcard tests/bench),)
bench:	## certgate, xfrm and WireGuard at the same work; writes the tables of docs/performance.md
	@scripts/setup --packages
	@scripts/setup --build
	@tests/bench/run

bench-ike:	## handshakes and rekeys of CONNECTIONS=N sites (default 10000), certgated beside strongSwan; needs root, no VM
	@scripts/setup --packages
	@scripts/setup --build
	@scripts/setup --peers
	@tests/bench/ike/run $(if $(CONNECTIONS),--connections $(CONNECTIONS))
endif

ifneq ($(wildcard tests/soak),)
soak:	## long simulations of the IKE engine, SEEDS=N of each (default 500); SANITIZE=1 with sanitizers
	@$(MAKE) --no-print-directory -f tests/Makefile soak SEEDS="$(SEEDS)" $(if $(SANITIZE),SANITIZE=1)
endif

ifneq ($(wildcard tests/fuzz/*.c),)
FUZZ_SECONDS ?= 3600
fuzz:	## every fuzzer for FUZZ_SECONDS (default an hour)
	@$(MAKE) --no-print-directory -f tests/Makefile fuzzers
	@tests/run --layer fuzz --fuzz-seconds $(FUZZ_SECONDS)
endif

##@ Other

clean:	## all that was built in the tree (the cache of kernels stays)
	rm -rf $(O)

help:	## this
	@awk 'BEGIN { FS = ":[^#]*## *" } \
		/^##@/ { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z_%-][a-z_% -]*:.*##/ { printf "  %-18s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@printf '\nVariables: O=DIR KDIR=DIR DESTDIR=DIR PREFIX=DIR SYSCONFDIR=DIR SANITIZE=1 V=1\n'
