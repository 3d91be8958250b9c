/* vi: set sw=4 ts=4: */
/*
 * What a kernel must have built in: generated from configs/kernel.config by
 * scripts/kernel-options. Each is the condition, of kernelcheck.c (a: always),
 * and an option, or several of which one is enough.
 *
 * Copyright (C) 2026 the earlyboot authors
 *
 * Licensed under GPLv2, see file LICENSE in this source tree.
 */
static const char kernel_options[] ALIGN1 =
	"a DEVTMPFS\0"
	"a DEVTMPFS_MOUNT\0"
	"a BLOCK\0"
	"a MSDOS_PARTITION EFI_PARTITION\0"
	"a BINFMT_ELF\0"
	"a BINFMT_SCRIPT\0"
	"a MULTIUSER\0"
	"a FUTEX\0"
	"a EPOLL\0"
	"a INOTIFY_USER\0"
	"a SIGNALFD\0"
	"a TIMERFD\0"
	"a EVENTFD\0"
	"a POSIX_TIMERS\0"
	"a ADVISE_SYSCALLS\0"
	"a FILE_LOCKING\0"
	"a SHMEM\0"
	"a TMPFS\0"
	"a MEMFD_CREATE\0"
	"a PROC_FS\0"
	"a PROC_SYSCTL\0"
	"a SYSFS\0"
	"a TTY\0"
	"s VT\0"
	"s VT_CONSOLE\0"
	"n UNIX98_PTYS\0"
	"a PRINTK\0"
	"l MD\0"
	"l BLK_DEV_DM\0"
	"l DM_CRYPT\0"
	"l CRYPTO\0"
	"l CRYPTO_AES\0"
	"l CRYPTO_XTS\0"
	"a NET\0"
	"a UNIX\0"
	"n INET\0"
	"n PACKET\0";
