"""What a desktop does to a window and xdotool cannot: drop files on it, say how dense a screen is.

Speaks to the X server by the library that the window itself uses, through ctypes.
"""

import ctypes
import ctypes.util
import time

STRING, ATOM = 31, 4  # atoms that every server has
REPLACE, CLIENT_MESSAGE, SELECTION_REQUEST, SELECTION_NOTIFY = 0, 33, 30, 31
EVENT_WORDS = 24  # of an XEvent, a union of structures of longs
WAIT_S = 30


class Server:
    """A connection to an X server."""

    def __init__(self, name):
        self.x = ctypes.CDLL(ctypes.util.find_library("X11") or "libX11.so.6")
        self.x.XOpenDisplay.restype = ctypes.c_void_p
        self.x.XDefaultRootWindow.restype = ctypes.c_ulong
        self.x.XInternAtom.restype = ctypes.c_ulong
        self.x.XCreateSimpleWindow.restype = ctypes.c_ulong
        self.display = ctypes.c_void_p(self.x.XOpenDisplay(name.encode()))
        assert self.display, "no connection to " + name
        self.root = ctypes.c_ulong(self.x.XDefaultRootWindow(self.display))

    def close(self):
        self.x.XCloseDisplay(self.display)

    def atom(self, name):
        return self.x.XInternAtom(self.display, name.encode(), 0)

    def put_property(self, window, name, kind, data, bits=8):
        count = len(data) if bits == 8 else len(data) // ctypes.sizeof(ctypes.c_ulong)
        self.x.XChangeProperty(self.display, window, ctypes.c_ulong(name), ctypes.c_ulong(kind),
                               bits, REPLACE, data, count)

    def set_dots_per_inch(self, dpi):
        """As desktops do that scale everything."""
        self.put_property(self.root, self.atom("RESOURCE_MANAGER"), STRING,
                          f"Xft.dpi:\t{dpi}\n".encode())
        self.x.XSync(self.display, 0)

    def drop(self, window, text, x, y):
        """Drops `text`, a list of URIs, on a window: the protocol of XDND 5."""
        target = ctypes.c_ulong(int(window))
        source = ctypes.c_ulong(self.x.XCreateSimpleWindow(
            self.display, self.root, 0, 0, 1, 1, 0, ctypes.c_ulong(0), ctypes.c_ulong(0)))
        selection, kind = self.atom("XdndSelection"), self.atom("text/uri-list")
        self.x.XSetSelectionOwner(self.display, ctypes.c_ulong(selection), source,
                                  ctypes.c_ulong(0))
        self.tell(target, "XdndEnter", source.value, 5 << 24, kind, 0, 0)
        self.tell(target, "XdndPosition", source.value, 0, x << 16 | y, 0,
                  self.atom("XdndActionCopy"))
        self.tell(target, "XdndDrop", source.value, 0, 0, 0, 0)
        deadline = time.monotonic() + WAIT_S
        event = (ctypes.c_long * EVENT_WORDS)()
        while time.monotonic() < deadline:
            if not self.x.XPending(self.display):
                time.sleep(0.01)  # the server has no descriptor that Python could wait for
                continue
            self.x.XNextEvent(self.display, ctypes.byref(event))
            number = event[0] & 0xffffffff
            if number == SELECTION_REQUEST:
                self.hand_over(event, text)
            elif number == CLIENT_MESSAGE and event[5] == self.atom("XdndFinished"):
                return
        raise AssertionError("nobody took what was dropped")

    def hand_over(self, request, text):
        """Answers who asks for what is dropped."""
        # Words of an XSelectionRequestEvent: owner 4, requestor 5, selection 6, target 7,
        # property 8, time 9.
        requestor, selection, kind, name = request[5], request[6], request[7], request[8]
        self.put_property(ctypes.c_ulong(requestor), name, kind, text)
        notify = (ctypes.c_long * EVENT_WORDS)()
        notify[0] = SELECTION_NOTIFY
        notify[4], notify[5], notify[6], notify[7] = requestor, selection, kind, name
        self.x.XSendEvent(self.display, ctypes.c_ulong(requestor), 0, ctypes.c_long(0),
                          ctypes.byref(notify))
        self.x.XFlush(self.display)

    def tell(self, window, message, *data):
        event = (ctypes.c_long * EVENT_WORDS)()
        # Words of an XClientMessageEvent: window 4, message_type 5, format 6, data from 7 on.
        event[0], event[4], event[5] = CLIENT_MESSAGE, window.value, self.atom(message)
        event[6] = 32
        for at, value in enumerate(data):
            event[7 + at] = value
        self.x.XSendEvent(self.display, window, 0, ctypes.c_long(0), ctypes.byref(event))
        self.x.XFlush(self.display)
