"""A record far in the future closes twenty million windows: memory stays bounded, and a stop is heard."""

import json
import signal
import time
import unittest

from jobs_case import WAIT_SECONDS, JobsCase

MEMORY_MAX_MB = 600
STOP_SECONDS_MAX = 10
SCRIPT = """
CREATE TABLE clicks (product STRING, ms BIGINT, ts AS TO_TIMESTAMP_LTZ(ms, 3), WATERMARK FOR ts AS ts)
WITH ('connector' = 'kinesis', 'stream' = 'clicks', 'source.init.position' = 'TRIM_HORIZON', 'format' = 'json');
CREATE TABLE Windows (product STRING, window_start TIMESTAMP(3), n BIGINT,
  PRIMARY KEY (product, window_start) NOT ENFORCED)
WITH ('connector' = 'dynamodb', 'table-name' = 'Windows');
INSERT INTO Windows SELECT product, window_start, COUNT(*)
FROM TABLE(HOP(TABLE clicks, DESCRIPTOR(ts), INTERVAL '1' SECOND, INTERVAL '10000' SECOND))
GROUP BY product, window_start, window_end;
"""
START_MS = 1_700_000_000_000
PRODUCTS = 2000


class ClosingWindowsTest(JobsCase):
    def memory_mb(self):
        with open(f"/proc/{self.server.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) // 1024

    def test_twenty_million_windows_close_in_pieces(self):
        self.create_stream()
        self.dynamodb.create_table(
            TableName="Windows", BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "product", "AttributeType": "S"},
                                  {"AttributeName": "window_start", "AttributeType": "N"}],
            KeySchema=[{"AttributeName": "product", "KeyType": "HASH"},
                       {"AttributeName": "window_start", "KeyType": "RANGE"}])
        self.millrace("sql", "-f", "-", "--name", "windows", text=SCRIPT)
        for start in range(0, PRODUCTS, 500):
            self.kinesis.put_records(StreamName="clicks", Records=[
                {"Data": json.dumps({"product": f"p{n}", "ms": START_MS + n}), "PartitionKey": "a"}
                for n in range(start, start + 500)])
        self.kinesis.put_record(StreamName="clicks", PartitionKey="a",
                           Data=json.dumps({"product": "p0", "ms": START_MS + 2 * 86_400_000}))
        self.wait_for("windows", lambda: self.job()["RowsOut"] > 200_000)
        job = self.job()
        self.assertGreaterEqual(job["LagRecords"], 1, "windows wait, so there is a lag")
        memory = self.memory_mb()

        begin = time.monotonic()
        self.millrace("jobs", "stop", "windows")
        self.assertLess(time.monotonic() - begin, STOP_SECONDS_MAX)
        emitted = self.job()["RowsOut"]
        self.millrace("jobs", "resume", "windows")
        self.wait_for("more windows", lambda: self.job()["RowsOut"] > emitted + 50_000)
        self.assertLess(max(memory, self.memory_mb()), MEMORY_MAX_MB)

        begin = time.monotonic()
        self.server.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.server.process.wait(WAIT_SECONDS), 0)
        self.assertLess(time.monotonic() - begin, STOP_SECONDS_MAX)


if __name__ == "__main__":
    unittest.main()
