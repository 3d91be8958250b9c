# Each target is one script; `make help` lists them.
.PHONY: help boot check check-all bench patches lint clean

help:
	@scripts/help
boot:
	@scripts/boot
check:
	@scripts/check
check-all:
	@ALL=1 scripts/check
bench:
	@testsuite/bench/run
patches:
	@scripts/make-patches
lint:
	@scripts/lint
clean:
	@scripts/clean
