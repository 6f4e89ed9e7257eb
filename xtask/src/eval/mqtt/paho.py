"""Runs the tests of a module of paho.mqtt.testing, and says of each how it ended, one a line.
`paho.py MODULE PORT [TEST…]`, in the folder of the module."""

import importlib
import io
import json
import logging
import sys
import unittest
import warnings

sys.path.insert(0, ".")
warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)
module = importlib.import_module(sys.argv[1])
prefix = "client_test5/" if sys.argv[1] == "client_test5" else ""
module.topic_prefix = prefix
module.topics = [prefix + topic for topic in ["TopicA", "TopicA/B", "Topic/C", "TopicA/C", "/TopicA"]]
module.wildtopics = [
    prefix + topic for topic in ["TopicA/+", "+/C", "#", "/#", "/+", "+/+", "TopicA/#"]
]
module.nosubscribe_topics = ("test/nosubscribe",)
module.host, module.port = "127.0.0.1", int(sys.argv[2])
out, sys.stdout = sys.stdout, io.StringIO()
sys.stderr = io.StringIO()


class Told(unittest.TestResult):
    def say(self, test, ended, detail=""):
        name = getattr(test, "_testMethodName", str(test))
        print(json.dumps({"test": name, "ended": ended, "detail": detail}), file=out, flush=True)

    def addSuccess(self, test):
        self.say(test, "passed")

    def addFailure(self, test, error):
        self.say(test, "failed", str(error[1]))

    addError = addFailure

    def addSkip(self, test, reason):
        self.say(test, "skipped", reason)


wanted = set(sys.argv[3:])
suite = unittest.defaultTestLoader.loadTestsFromModule(module)
if wanted:
    tests = [test for group in suite for test in group if test._testMethodName in wanted]
    suite = unittest.defaultTestLoader.suiteClass(tests)
suite.run(Told())
