# One line each. Needs a Rust toolchain, a C compiler and make; cargo does all other set-up.

CARGO ?= cargo
.DEFAULT_GOAL := help
.PHONY: help demo hunt test check fmt lint docs deny bench fuzz snapshots journals real-vpp deb papers package-test container

help: ## say what there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

demo: ## watch maglevd work, without VPP, root or network; `make demo FOR=15s` ends by itself, SEED=7 repeats a run
	$(CARGO) run --locked -- demo $(if $(FOR),--for $(FOR)) $(if $(SEED),--seed $(SEED))

hunt: ## play what chance makes of seed after seed, FOR=10m, and save what fails; optimised, with overflow checks
	$(CARGO) run --locked -p maglev-sim -- hunt --for $(or $(FOR),10m) $(if $(SEED),--from $(SEED))

fuzz: ## let libFuzzer try each target, FOR=600 seconds each, or only TARGETS="frame config"; fuzz/README.md
	fuzz/run $(or $(FOR),600) $(TARGETS)

test: ## every test of every package, examples in the documentation included
	$(CARGO) test --locked --workspace --no-fail-fast

check: fmt lint docs deny ## all that CI looks at besides the tests

fmt: ## formatting
	$(CARGO) fmt --all --check

lint: ## clippy, warnings denied
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings

docs: ## rustdoc with private items, warnings denied
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --locked --workspace --no-deps --document-private-items

deny: ## dependencies and licences: ours always, cargo-deny as well where it is installed
	$(CARGO) test --locked --test it tidy::packages
	@if $(CARGO) deny --version >/dev/null 2>&1; then $(CARGO) deny --locked check bans licenses sources; \
	else echo 'cargo-deny is not installed: its bans, licenses and sources were checked by tidy::packages only'; fi

bench: ## speed and memory beside their goals; `make bench ONLY=engine` measures one group
	$(CARGO) build --locked --release -p maglev-ctl
	$(CARGO) bench --locked --bench maglevd -- $(ONLY)

snapshots: ## write snapshots anew; then read `git diff snapshots` as you would read code
	INSTA_UPDATE=always INSTA_FORCE_PASS=1 $(CARGO) test --locked --test it
	INSTA_UPDATE=always $(CARGO) test --locked -p maglev-sim --test mass
	git --no-pager diff --stat -- snapshots

journals: ## make the hashes of the recorded journals anew, after a change of what the engine answers
	REBASE=1 $(CARGO) test --locked --test it journal::fixtures::every_output
	git --no-pager diff --stat -- fixtures/journals

papers: ## write man pages and completions anew from the command line definitions; then read `git diff packaging`
	PAPERS=1 $(CARGO) test --locked --test it the_command_line_says
	PAPERS=1 $(CARGO) test --locked -p maglev-ctl --test it flags_and_grammar_say

deb: ## Debian packages of maglevd and maglevc, in target/deb
	packaging/tools dpkg-shlibdeps=dpkg-dev strip=binutils
	$(CARGO) build --locked --release -p maglevd -p maglev-ctl
	mkdir -p target/deb
	packaging/deb/build maglevd target/release/maglevd target/deb
	packaging/deb/build maglevc target/release/maglevc target/deb

package-test: deb ## install, run, reload, upgrade, remove and purge the packages in clean roots, by hand and under systemd; as root
	packaging/tools mmdebstrap=mmdebstrap setpriv=util-linux
	packaging/deb/life target/release/maglevd target/release/maglevc
	packaging/deb/booted target/release/maglevd target/release/maglevc

container: ## static binaries and, where buildah is, a container image of them; packaging/Containerfile
	packaging/tools musl-gcc=musl-tools file=file
	packaging/container

real-vpp: ## the suite against a real VPP named by MAGLEV_VPP_BIN and MAGLEV_VPP_PLUGINS
	@test -n "$$MAGLEV_VPP_BIN" || { echo 'set MAGLEV_VPP_BIN to the vpp binary (vppctl beside it)'; exit 1; }
	@test -n "$$MAGLEV_VPP_PLUGINS" || { echo 'set MAGLEV_VPP_PLUGINS to the folder of lb_plugin.so'; exit 1; }
	$(CARGO) test --locked --test it real_vpp -- --ignored --test-threads=1
