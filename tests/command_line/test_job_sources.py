"""A running job is told when its stream is deleted, by the program that runs both."""

import json
import subprocess
import unittest

from jobs_case import JobsCase

SCRIPT = """
CREATE TABLE clicks (product STRING)
WITH ('connector' = 'kinesis', 'stream' = 'clicks', 'source.init.position' = 'TRIM_HORIZON', 'format' = 'json');
CREATE TABLE Counts (product STRING, n BIGINT, PRIMARY KEY (product) NOT ENFORCED)
WITH ('connector' = 'dynamodb', 'table-name' = 'Counts');
INSERT INTO Counts SELECT product, COUNT(*) FROM clicks GROUP BY product;
"""


class JobSourcesTest(JobsCase):
    def click(self):
        self.kinesis.put_record(StreamName="clicks", Data=json.dumps({"product": "a"}), PartitionKey="a")

    def test_a_deleted_stream_fails_the_job_and_a_new_one_is_not_taken_for_it(self):
        self.create_stream()
        self.dynamodb.create_table(
            TableName="Counts", BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "product", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "product", "KeyType": "HASH"}])
        self.millrace("sql", "-f", "-", "--name", "counts", text=SCRIPT)
        self.click()
        self.wait_for("the click", lambda: self.job()["RowsIn"] == 1)
        self.kinesis.delete_stream(StreamName="clicks")
        self.wait_for("the failure", lambda: self.job()["State"] == "failed")
        self.assertIn("stream clicks was deleted", self.job()["Reason"])
        self.create_stream()
        self.click()
        self.server.restart()
        with self.assertRaises(subprocess.CalledProcessError) as refused:
            self.millrace("jobs", "resume", "counts")
        self.assertIn("is not the one that the job has read so far", refused.exception.stderr)
