"""Handlers as they are written for Lambda."""

import base64
import json
import os
import signal
import subprocess
import time


def count(event, context):
    """Counts the orders of each visitor; the example of docs/functions.md."""
    return {"effects": [
        {"Update": {
            "TableName": "Buyers",
            "Key": {"visitor_id": record["dynamodb"]["NewImage"]["visitor_id"]},
            "UpdateExpression": "ADD orders :one",
            "ExpressionAttributeValues": {":one": {"N": "1"}},
        }}
        for record in event["Records"] if record["eventName"] == "INSERT"
    ]}


def count_in_quotes(event, context):
    """A common mistake: the runtime makes JSON of the answer, and it is JSON already."""
    return json.dumps(count(event, context))


def name_nothing(event, context):
    return {"batchItemFailures": []}


def count_when_told(event, context):
    """Writes down what the invocation is called and answers when that file is gone."""
    with open(os.environ["MARKER"], "w") as file:
        file.write(context.aws_request_id)
    while os.path.exists(os.environ["MARKER"]):
        time.sleep(0.01)
    return count(event, context)


def count_beside_a_daemon(event, context):
    """Starts a process that leaves the function's group and session, and writes down its id."""
    daemon = subprocess.Popen(["sleep", "600"], start_new_session=True)
    with open(os.environ["MARKER"], "w") as file:
        file.write(str(daemon.pid))
    return count(event, context)


def count_and_die(event, context):
    """The same, but every third batch kills the process before it has answered."""
    count_and_die.batches += 1
    if count_and_die.batches % 3 == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return count(event, context)


count_and_die.batches = 0


def refuse_poison(event, context):
    """Fails on a click that says `poison`."""
    for record in event["Records"]:
        if base64.b64decode(record["kinesis"]["data"]) == b"poison":
            raise ValueError("cannot swallow this")
    return {"batchItemFailures": []}


def name_poison(event, context):
    """Takes what comes before a click that says `poison`, as ReportBatchItemFailures has it."""
    effects = []
    for record in event["Records"]:
        kinesis = record["kinesis"]
        if base64.b64decode(kinesis["data"]) == b"poison":
            return {"effects": effects, "batchItemFailures": [{"itemIdentifier": kinesis["sequenceNumber"]}]}
        effects.append({"Put": {"TableName": "Clicks", "Item": {
            "visitor_id": {"S": kinesis["partitionKey"]},
            "request_id": {"S": context.aws_request_id},
            "function": {"S": os.environ["AWS_LAMBDA_FUNCTION_NAME"]},
        }}})
    return {"effects": effects}


def list_clicks(event, context):
    """The data of each key's clicks, in the order in which they came."""
    return {"effects": [
        {"Update": {
            "TableName": "Clicks",
            "Key": {"k": {"S": record["kinesis"]["partitionKey"]}},
            "UpdateExpression": "SET numbers = list_append(if_not_exists(numbers, :none), :one)",
            "ExpressionAttributeValues": {
                ":none": {"L": []},
                ":one": {"L": [{"N": base64.b64decode(record["kinesis"]["data"]).decode()}]},
            },
        }}
        for record in event["Records"]
    ]}
