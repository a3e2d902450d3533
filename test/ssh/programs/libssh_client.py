"""Lists, puts and gets a file with libssh. Arguments: PORT USER PASSWORD UPLOAD REMOTE DOWNLOAD."""
import ctypes
import os
import sys

HOST, PORT_STR, USER, PROCESS_CONFIG = 0, 2, 4, 38  # enum ssh_options_e

ssh = ctypes.CDLL("libssh.so.4")
for name in ("ssh_new", "sftp_new", "sftp_open", "sftp_opendir", "sftp_readdir"):
    getattr(ssh, name).restype = ctypes.c_void_p
ssh.ssh_get_error.restype = ctypes.c_char_p
ssh.sftp_read.restype = ssh.sftp_write.restype = ctypes.c_ssize_t


class Attributes(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p)]


def check(is_good, what):
    if not is_good:
        sys.exit(f"{what}: {ssh.ssh_get_error(session).decode()}")


port, user, password, upload, remote, download = map(os.fsencode, sys.argv[1:])
session = ctypes.c_void_p(ssh.ssh_new())
for option, value in ((HOST, b"127.0.0.1"), (PORT_STR, port), (USER, user)):
    ssh.ssh_options_set(session, option, value)
ssh.ssh_options_set(session, PROCESS_CONFIG, ctypes.byref(ctypes.c_bool(False)))
check(ssh.ssh_connect(session) == 0, "connect")
check(ssh.ssh_userauth_password(session, None, password) == 0, "password")
sftp = ctypes.c_void_p(ssh.sftp_new(session))
check(sftp and ssh.sftp_init(sftp) == 0, "sftp")

handle = ctypes.c_void_p(ssh.sftp_open(sftp, remote, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
check(handle, "open for writing")
with open(upload, "rb") as source:
    while piece := source.read(32768):
        check(ssh.sftp_write(handle, piece, ctypes.c_size_t(len(piece))) == len(piece), "write")
check(ssh.sftp_close(handle) == 0, "close")

directory = ctypes.c_void_p(ssh.sftp_opendir(sftp, b"/uploads"))
check(directory, "opendir")
while entry := ssh.sftp_readdir(sftp, directory):
    print(os.fsdecode(Attributes.from_address(entry).name))
ssh.sftp_closedir(directory)

handle = ctypes.c_void_p(ssh.sftp_open(sftp, remote, os.O_RDONLY, 0))
check(handle, "open for reading")
buffer = ctypes.create_string_buffer(32768)
with open(download, "wb") as target:
    while (count := ssh.sftp_read(handle, buffer, ctypes.c_size_t(32768))) > 0:
        target.write(buffer.raw[:count])
    check(count == 0, "read")
ssh.sftp_close(handle)
ssh.ssh_disconnect(session)
