"""The least that a runtime must do, in Python's standard library: `python3 plain_runtime.py MODULE.HANDLER`."""

import http.client
import importlib
import json
import os
import sys
import types

module, name = sys.argv[1].rsplit(".", 1)
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
handler = getattr(importlib.import_module(module), name)
connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
ROOT = "/2018-06-01/runtime/invocation/"

while True:
    connection.request("GET", ROOT + "next")
    response = connection.getresponse()
    request_id = response.headers["Lambda-Runtime-Aws-Request-Id"]
    event = json.loads(response.read())
    try:
        path, answer = "/response", handler(event, types.SimpleNamespace(aws_request_id=request_id))
    except Exception as error:
        path, answer = "/error", {"errorType": type(error).__name__, "errorMessage": str(error)}
    connection.request("POST", ROOT + request_id + path, json.dumps(answer))
    connection.getresponse().read()
