"""An edge node of Sparkplug B by the Python library pysparkplug, driven by lines of JSON.

Arguments: the library's folder, the server's host and port. It is the node `press` of the
group `plant`, with the device `pump`. Commands are lines on standard input, events are lines
on standard output.
"""

import json
import sys
import threading

sys.path.insert(0, sys.argv[1])

import pysparkplug as psp  # noqa: E402


SAYING = threading.Lock()


def say(**event):
    """A whole line at once: the library's thread speaks, too."""
    with SAYING:
        print(json.dumps(event), flush=True)


def metric(name, datatype, value):
    return psp.Metric(
        timestamp=psp.get_current_timestamp(), name=name, datatype=datatype, value=value
    )


def told(_node, message):
    """A command has come for the node."""
    say(event="command", metrics={one.name: one.value for one in message.payload.metrics})


def main():
    host, port = sys.argv[2], int(sys.argv[3])
    temp = metric("temp", psp.DataType.DOUBLE, 20.5)
    node = psp.EdgeNode("plant", "press", [temp], cmd_callback=told)
    node.register(psp.Device("pump", [metric("flow/in", psp.DataType.INT32, 7)]))
    for line in sys.stdin:
        command = json.loads(line)
        what = command["do"]
        if what == "connect":
            node.connect(host, port=port)
        elif what == "disconnect":
            node.disconnect()
        elif what == "temp":
            node.update([metric("temp", psp.DataType.DOUBLE, command["value"])])
        elif what == "flow":
            flow = metric("flow/in", psp.DataType.INT32, command["value"])
            node.update_device("pump", [flow])
        elif what == "lose":
            # A number is taken, and nothing sent under it.
            node._seq
        elif what == "remove":
            node.deregister("pump")
        say(event="done", what=what)


main()
