"""Runs the inserts of a job in Apache Flink, in this machine and one process, and says what they
gave as lines of tabs: each result's name, key, start, end (milliseconds since 1970), values.

flink.py FOLDER_OF_FLINK JOB.json, where the job has "settings", "tables", "inserts" (statements)
and "outputs" (name: folder of the CSV files that an insert writes).
"""

import csv
import json
import logging
import pathlib
import subprocess
import sys
from datetime import datetime, timezone

from py4j.java_gateway import GatewayParameters, JavaGateway
from py4j.protocol import Py4JError


def run(gateway, job):
    api = gateway.jvm.org.apache.flink.table.api
    mode = api.EnvironmentSettings.newInstance().inStreamingMode().build()
    environment = api.TableEnvironment.create(mode)
    for name, value in job["settings"].items():
        environment.getConfig().set(name, value)
    for statement in job["tables"]:
        environment.executeSql(statement)
    inserts = environment.createStatementSet()
    for statement in job["inserts"]:
        inserts.addInsertSql(statement)
    # The name is a word of Python.
    getattr(inserts.execute(), "await")()


def milliseconds(text):
    at = datetime.fromisoformat(text).replace(tzinfo=timezone.utc)
    return round(at.timestamp() * 1000)


def tell(name, folder):
    for path in sorted(pathlib.Path(folder).rglob("*")):
        if not path.is_file():
            continue
        with open(path, newline="") as rows:
            for key, start, end, *values in csv.reader(rows):
                print(name, key, milliseconds(start), milliseconds(end), *values, sep="\t")


def main():
    flink, job = sys.argv[1], json.loads(pathlib.Path(sys.argv[2]).read_text())
    classes = ":".join([f"{flink}/lib/*", f"{flink}/opt/*"])
    server = "org.apache.flink.api.python.shaded.py4j.GatewayServer"
    command = ["java", "-Xmx2g", "-cp", classes, server, "--enable-auth", "0"]
    # Its words go elsewhere than results do.
    java = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        port, token = int(java.stdout.readline()), java.stdout.readline().decode().strip()
        gateway = JavaGateway(gateway_parameters=GatewayParameters(port=port, auth_token=token))
        run(gateway, job)
    except Py4JError as error:
        # Its text is asked of Java, which must be there to tell.
        sys.exit(f"Flink has failed: {error}")
    finally:
        # What is cleaned up later would ask a Java that is gone, and complain.
        logging.disable()
        java.kill()
        java.wait()
    for name, folder in job["outputs"].items():
        tell(name, folder)


main()
