"""Drives one client of the paho library: commands come as lines of JSON on standard input, what
happens leaves as lines of JSON on standard output. `mqtt_client.py LIBRARY`."""

import json
import ssl
import sys
import threading
import time

sys.path.insert(0, sys.argv[1])

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

lock = threading.Lock()


def say(**event):
    with lock:
        print(json.dumps(event), flush=True)


class Driver:
    """The client, and what it was told to do."""

    def __init__(self):
        self.client = None
        self.v5 = True

    def connect(self, c):
        self.v5 = c.get("version", 5) == 5
        if self.client is None:
            self.client = self.make(c)
        properties = None
        extra = {}
        if self.v5:
            properties = Properties(PacketTypes.CONNECT)
            properties.SessionExpiryInterval = c.get("expiry", 0)
            if "receive_max" in c:
                properties.ReceiveMaximum = c["receive_max"]
            extra = {"clean_start": c.get("clean", True), "properties": properties}
        self.client.connect(c["host"], c["port"], c.get("keepalive", 60), **extra)
        self.client.loop_start()

    def make(self, c):
        clean = {} if self.v5 else {"clean_session": c.get("clean", True)}
        client = paho.Client(
            paho.CallbackAPIVersion.VERSION2,
            client_id=c["id"],
            protocol=paho.MQTTv5 if self.v5 else paho.MQTTv311,
            transport="websockets" if "websocket" in c else "tcp",
            reconnect_on_failure=c.get("reconnect", False),
            **clean,
        )
        if "websocket" in c:
            client.ws_set_options(path=c["websocket"])
        if "username" in c:
            client.username_pw_set(c["username"], c.get("password"))
        if "ca" in c:
            client.tls_set(ca_certs=c["ca"], certfile=c.get("cert"), keyfile=c.get("key"))
        if "will" in c:
            will = c["will"]
            properties = None
            if self.v5:
                properties = Properties(PacketTypes.WILLMESSAGE)
                properties.WillDelayInterval = will.get("delay", 0)
            client.will_set(
                will["topic"], will["payload"], will.get("qos", 0), will.get("retain", False),
                properties,
            )
        client.max_inflight_messages_set(c.get("inflight", 20))
        client.reconnect_delay_set(0.05 if c.get("reconnect") else 1, 1)
        client.on_connect = self.connected
        client.on_disconnect = self.disconnected
        client.on_message = self.message
        client.on_publish = self.published
        client.on_subscribe = self.subscribed
        return client

    def connected(self, client, data, flags, reason, properties):
        code = reason.value
        say(event="connected", code=code, present=bool(flags.session_present))

    def disconnected(self, client, data, flags, reason, properties):
        say(event="disconnected", code=reason.value, by_server=bool(flags.is_disconnect_packet_from_server))

    def message(self, client, data, message):
        say(
            event="message",
            topic=message.topic,
            payload=message.payload.decode("utf-8", "replace"),
            qos=message.qos,
            retain=bool(message.retain),
            dup=bool(message.dup),
        )

    def published(self, client, data, mid, reason, properties):
        say(event="published", mid=mid, code=reason.value)

    def subscribed(self, client, data, mid, reasons, properties):
        say(event="subscribed", codes=[reason.value for reason in reasons])

    def subscribe(self, c):
        if self.v5:
            options = SubscribeOptions(
                qos=c.get("qos", 0),
                noLocal=c.get("no_local", False),
                retainAsPublished=c.get("as_published", False),
            )
            self.client.subscribe(c["topic"], options=options)
        else:
            self.client.subscribe(c["topic"], c.get("qos", 0))

    def unsubscribe(self, c):
        self.client.unsubscribe(c["topic"])

    def publish(self, c):
        properties = None
        if self.v5:
            properties = Properties(PacketTypes.PUBLISH)
            if "expiry" in c:
                properties.MessageExpiryInterval = c["expiry"]
            for name, value in c.get("user", []):
                properties.UserProperty = (name, value)
        info = self.client.publish(
            c["topic"], c["payload"], c.get("qos", 0), c.get("retain", False), properties
        )
        say(event="publishing", mid=info.mid)

    def flood(self, c):
        """Publishes numbers, each once, until told to stop, with so many unacknowledged at a
        time. What happens meanwhile is not told."""
        self.room = threading.Semaphore(c["inflight"])
        # Numbers that are not acknowledged, by the library's numbers, which come again; those
        # that were acknowledged before they could be entered; and those that are.
        self.numbers, self.early, self.done = {}, set(), []
        self.stop = threading.Event()
        self.client.on_connect = self.client.on_disconnect = None
        self.client.on_publish = self.flooded
        self.thread = threading.Thread(target=self.run, args=(c,))
        self.thread.start()
        say(event="flooding")

    def run(self, c):
        self.sent = 0
        while not self.stop.is_set():
            if not self.room.acquire(timeout=0.1):
                continue
            info = self.client.publish(c["topic"], f"{c['prefix']}{self.sent}", c["qos"])
            self.numbers[info.mid] = self.sent
            self.sent += 1
            self.settle()

    def flooded(self, client, data, mid, reason, properties):
        if reason.value >= 128:
            say(event="refused", code=reason.value)
        self.early.add(mid)
        self.room.release()

    def settle(self):
        for mid in list(self.early):
            if mid in self.numbers:
                self.done.append(self.numbers.pop(mid))
                self.early.discard(mid)

    def calm(self, c):
        """Stops, waits for what is not acknowledged, and says what is."""
        self.stop.set()
        self.thread.join()
        until = time.monotonic() + 30
        while self.numbers and time.monotonic() < until:
            time.sleep(0.01)
            self.settle()
        say(event="calm", sent=self.sent, acknowledged=sorted(self.done))

    def reconnect(self, c):
        """Connects again, once. If the library did it by itself and did not succeed at once, it
        would send a message of QoS 2 again of which only the release was left."""
        self.client.loop_stop()
        self.client.reconnect()
        self.client.loop_start()
        say(event="reconnected")

    def disconnect(self, c):
        self.client.disconnect()
        self.client.loop_stop()
        say(event="left")

    def vanish(self, c):
        """Closes the connection without a word."""
        self.client._sock_close()
        self.client.loop_stop()
        say(event="left")


driver = Driver()
for line in sys.stdin:
    command = json.loads(line)
    try:
        getattr(driver, command["do"])(command)
    except (OSError, ssl.SSLError, ValueError) as error:
        say(event="failed", error=str(error))
