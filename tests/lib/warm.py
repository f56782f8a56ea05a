# SPDX-License-Identifier: Apache-2.0
"""warm.py SOCKET: a Python that has started already. For each client (enter.c) it forks, becomes what the client is (files, folder,
namespaces, environment) and runs its script: on an emulated CPU a fork takes milliseconds, a start of Python seconds. A client that
goes away takes its script along, and so does the end of its namespace of processes.
"""

import array
import ctypes
import gc
import json  # noqa: F401  what scripts use is loaded once
import os
import pickle  # noqa: F401
import runpy
import select
import signal
import socket
import struct
import sys
import time  # noqa: F401

CLONE_NEWNS = 0x00020000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)
OURS = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
# What is run most has been compiled already.
KNOWN = {}
for _name in ("bulk.py", "probe.py"):
    _path = os.path.join(os.path.dirname(os.path.abspath(__file__)), _name)
    with open(_path, encoding="utf-8") as _file:
        KNOWN[_path] = compile(_file.read(), _path, "exec")
STDIN, STDOUT, STDERR, NET, MOUNT, PROCESSES, FOLDER = range(7)


def setns(file, kind):
    if LIBC.setns(file, kind):
        raise OSError(ctypes.get_errno(), "setns")


def fork_in(namespace):
    """fork(), the child in that namespace of processes, where it has another number than for us."""
    setns(namespace, CLONE_NEWPID)
    try:
        pid = os.fork()
    except OSError:
        setns(OURS, CLONE_NEWPID)
        raise
    if pid:
        setns(OURS, CLONE_NEWPID)
    return pid


def become(files, words):
    """All of the client, and its words as ours."""
    setns(files[NET], CLONE_NEWNET)
    setns(files[MOUNT], CLONE_NEWNS)
    os.fchdir(files[FOLDER])
    for number in (STDIN, STDOUT, STDERR):
        os.dup2(files[number], number)
    for file in files:
        os.close(file)
    count = int(words[0])
    os.environ.clear()
    for word in words[count + 1 :]:
        name, _, value = word.partition("=")
        os.environ[name] = value
    return words[1 : count + 1]


def run(arguments):
    """What `python3 ARGUMENTS` runs; its exit status."""
    sys.stdin, sys.stdout, sys.stderr = (open(n, mode, closefd=False) for n, mode in ((0, "r"), (1, "w"), (2, "w")))
    status = 0
    try:
        if arguments[0] in ("-c", "-"):
            code = arguments[1] if arguments[0] == "-c" else sys.stdin.read()
            sys.argv = arguments[:1] + arguments[1 + (arguments[0] == "-c") :]
            sys.path.insert(0, "")
            main = {"__name__": "__main__", "__builtins__": __builtins__}
            exec(compile(code, "<%s>" % arguments[0], "exec"), main)
        else:
            sys.argv = list(arguments)
            path = os.path.abspath(arguments[0])
            sys.path.insert(0, os.path.dirname(path))
            if path in KNOWN:
                exec(KNOWN[path], {"__name__": "__main__", "__doc__": None, "__builtins__": __builtins__})
            else:
                runpy.run_path(arguments[0], run_name="__main__")
    except SystemExit as end:
        status = end.code
        if status is None:
            status = 0
        elif not isinstance(status, int):
            print(status, file=sys.stderr)
            status = 1
    except KeyboardInterrupt:
        status = 130
    except BaseException:
        import traceback

        traceback.print_exc()
        status = 1
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        status = status or 120
    return status & 255


class Client:
    def __init__(self, connection):
        self.connection = connection
        self.pid = 0
        self.files = []
        self.text = b""
        self.size = None

    def read(self):
        """False: it went, or was not one."""
        if self.size is None:
            data, control, _, _ = self.connection.recvmsg(4, 256)
            for level, kind, content in control:
                if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                    files = array.array("i")
                    files.frombytes(content)
                    self.files = list(files)
            if len(data) != 4 or len(self.files) != FOLDER + 1:
                return False
            self.size = struct.unpack("I", data)[0]
        elif self.pid:
            return bool(self.connection.recv(4096))
        else:
            data = self.connection.recv(self.size - len(self.text))
            if not data:
                return False
            self.text += data
        return True

    def complete(self):
        return self.size is not None and len(self.text) == self.size and not self.pid

    def drop_files(self):
        for file in self.files:
            os.close(file)
        self.files = []


def serve(path):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(64)
    wake, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(waker)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    clients = {}
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    poll.register(wake, select.POLLIN)
    # a collector that writes to all objects in each child would have their pages copied
    gc.disable()
    gc.freeze()

    def forget(client):
        poll.unregister(client.connection)
        del clients[client.connection.fileno()]
        client.connection.close()
        client.drop_files()
        if client.pid:
            os.kill(client.pid, signal.SIGKILL)

    while True:
        for fd, _ in poll.poll():
            if fd == wake:
                os.read(wake, 4096)
            elif fd == listener.fileno():
                client = Client(listener.accept()[0])
                clients[client.connection.fileno()] = client
                poll.register(client.connection, select.POLLIN)
            elif fd in clients:
                client = clients[fd]
                try:
                    alive = client.read()
                except OSError:
                    alive = False
                if not alive:
                    forget(client)
                elif client.complete():
                    try:
                        client.pid = fork_in(client.files[PROCESSES])
                    except OSError:  # a namespace that has ended
                        forget(client)
                        continue
                    if not client.pid:
                        client.connection.sendall(struct.pack("i", os.getpid()))
                        listener.close()
                        for other in clients.values():
                            other.connection.close()
                        signal.set_wakeup_fd(-1)
                        gc.enable()
                        for number in (signal.SIGCHLD, signal.SIGTERM):
                            signal.signal(number, signal.SIG_DFL)
                        signal.signal(signal.SIGINT, signal.default_int_handler)
                        try:
                            arguments = become(client.files, client.text.decode().split("\0")[:-1])
                        except BaseException as error:
                            print("warm.py: %s" % error, file=sys.stderr)
                            os._exit(125)
                        os._exit(run(arguments))
                    client.drop_files()
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if not pid:
                break
            for client in list(clients.values()):
                if client.pid == pid:
                    client.pid = 0
                    try:
                        client.connection.sendall(struct.pack("i", status))
                    except OSError:
                        pass
                    forget(client)


signal.signal(signal.SIGINT, signal.SIG_IGN)
serve(sys.argv[1])
