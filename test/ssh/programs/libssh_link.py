"""Creates a symbolic link with libssh. Arguments: PORT PASSWORD LINK TARGET."""
import ctypes
import os
import sys

HOST, PORT_STR, USER, PROCESS_CONFIG = 0, 2, 4, 38  # enum ssh_options_e

ssh = ctypes.CDLL("libssh.so.4")
for name in ("ssh_new", "sftp_new"):
    getattr(ssh, name).restype = ctypes.c_void_p
ssh.ssh_get_error.restype = ctypes.c_char_p


def check(is_good, what):
    if not is_good:
        sys.exit(f"{what}: {ssh.ssh_get_error(session).decode()}")


port, password, link, target = map(os.fsencode, sys.argv[1:])
session = ctypes.c_void_p(ssh.ssh_new())
for option, value in ((HOST, b"127.0.0.1"), (PORT_STR, port), (USER, b"carol")):
    ssh.ssh_options_set(session, option, value)
ssh.ssh_options_set(session, PROCESS_CONFIG, ctypes.byref(ctypes.c_bool(False)))
check(ssh.ssh_connect(session) == 0, "connect")
check(ssh.ssh_userauth_password(session, None, password) == 0, "password")
sftp = ctypes.c_void_p(ssh.sftp_new(session))
check(sftp and ssh.sftp_init(sftp) == 0, "sftp")
check(ssh.sftp_symlink(sftp, target, link) == 0, "symlink")
ssh.ssh_disconnect(session)
