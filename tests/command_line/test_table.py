"""`millrace table`: tables by hand, and files that become tables and come back."""

import csv
import gzip
import io
import json
import pathlib
import subprocess
import tempfile
import unittest

import server


class Table(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = server.Server().start()
        cls.addClassCleanup(cls.server.stop)
        cls.tables = cls.server.client("dynamodb")
        folder = tempfile.TemporaryDirectory(prefix="millrace-test-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)

    def run_table(self, *arguments, code=0, text=None):
        done = subprocess.run([server.BINARY, "table", *arguments, "--endpoint", self.server.endpoint],
                              capture_output=True, text=True, timeout=60, input=text)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stdout if code == 0 else done.stderr

    def file(self, name, text):
        path = self.folder / name
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        return str(path)

    def items(self, name):
        return [json.loads(line) for line in self.run_table("export", name).splitlines()]

    def test_a_catalog_becomes_a_table_and_a_file_again(self):
        catalog = self.file("catalog.csv.gz", "id,name,price,stock\n" + "".join(
            f'p{i},"Lamp ""{i}"", large",{i}.90,{i if i % 2 else ""}\n' for i in range(60)))
        self.run_table("import", catalog, "--table", "Products", "--hash", "id", "--number", "price,stock")
        self.assertEqual(json.loads(self.run_table("get", "Products", "id=p7")),
                         {"id": "p7", "name": 'Lamp "7", large', "price": 7.9, "stock": 7})
        self.assertEqual(json.loads(self.run_table("get", "Products", "id=p7", "--dynamodb-json"))["Item"]["price"],
                         {"N": "7.9"})
        self.assertEqual(len(self.items("Products")), 60)
        rows = list(csv.DictReader(io.StringIO(self.run_table("export", "Products", "--columns", "id,name,stock"))))
        self.assertIn({"id": "p8", "name": 'Lamp "8", large', "stock": ""}, rows)
        # Again, from its own export: nothing changes.
        exported = self.file("products.ndjson", self.run_table("export", "Products", "--dynamodb-json"))
        summary = json.loads(self.run_table("import", exported, "--table", "Products", "--json"))
        self.assertEqual((summary["rows"], summary["acknowledged"]), (60, 60))
        self.assertEqual(self.items("Products"), [json.loads(self.run_table("get", "Products", f"id={i['id']}"))
                                                  for i in self.items("Products")])
        self.assertRegex(self.run_table(), r"Products +ACTIVE +60 +\d+ +0  off +id \(S\)")

    def test_the_last_row_of_a_key_stays_and_keys_have_their_types(self):
        visits = self.file("visits.tsv", "who\tday\tpages\n" + "".join(f"ann\t{i % 3}\t{i}\n" for i in range(40)))
        self.run_table("import", visits, "--table", "Visits", "--hash", "who", "--range", "day:N", "--number", "pages")
        self.assertEqual(self.items("Visits"), [{"who": "ann", "day": day, "pages": pages}
                                                for day, pages in ((0, 39), (1, 37), (2, 38))])
        self.assertEqual(json.loads(self.run_table("delete", "Visits", "day=1", "who=ann"))["pages"], 37)
        self.assertEqual(self.run_table("get", "Visits", "day=1", "who=ann", code=1),
                         "millrace: Visits has no item with this key\n")
        self.assertIn("written who=... day=...", self.run_table("get", "Visits", "who=ann", code=2))
        self.assertIn("`soon` is no number", self.run_table("get", "Visits", "who=ann", "day=soon", code=2))

    def test_json_is_put_as_it_is(self):
        self.run_table("import", "-", "--ndjson", "--table", "Notes", "--hash", "id",
                       text='{"id":"1","deep":{"a":[1,true,null]},"text":"tab\there"}\n\n'
                            '{"Item":{"id":{"S":"2"},"tags":{"SS":["a","b"]}}}\n')
        self.run_table("put", "Notes", '{"id":"3","n":12345678901234567890}')
        self.assertEqual(self.tables.get_item(TableName="Notes", Key={"id": {"S": "2"}})["Item"]["tags"],
                         {"SS": ["a", "b"]})
        self.assertEqual({item["id"]: item for item in self.items("Notes")},
                         {"1": {"id": "1", "deep": {"a": [1, True, None]}, "text": "tab\there"},
                          "2": {"id": "2", "tags": ["a", "b"]}, "3": {"id": "3", "n": 12345678901234567890}})

    def test_a_bad_row_is_named_and_can_be_passed_over(self):
        rows = "id,price\n" + "".join(f"b{i},{'cheap' if i == 30 else i}\n" for i in range(50)) + ",7\n" + "z,9\n"
        bad = self.file("bad.csv", rows)
        create = ("--table", "Bad", "--hash", "id", "--number", "price")
        said = self.run_table("import", bad, *create, code=1)
        self.assertIn("bad.csv:32: price: `cheap` is no number", said)
        self.assertIn("--from-line 32", said)
        self.assertEqual(len(self.items("Bad")), 30)
        said = self.run_table("import", bad, *create, "--from-line", "33", code=1)
        self.assertRegex(said, r"bad.csv:52: .*key")
        self.assertEqual(len(self.items("Bad")), 49)
        summary = json.loads(self.run_table("import", bad, *create, "--skip-bad", "--json"))
        self.assertEqual((summary["acknowledged"], summary["bad_rows"]), (50, 2))
        self.assertEqual(len(self.items("Bad")), 50)

    def test_says_what_would_work(self):
        self.run_table("import", self.file("a.csv", "id\n1\n"), "--table", "Orders", "--hash", "id")
        self.assertIn("did you mean `Orders`?", self.run_table("export", "Order", code=1))
        self.assertIn("--hash COLUMN", self.run_table("import", self.file("b.csv", "id\n1\n"), "--table", "None", code=1))
        self.assertIn("id:N", self.run_table("import", self.file("b.csv", "id\n1\n"), "--table", "None", "--hash", "id:X",
                                            code=1))
        self.assertIn("not a JSON object", self.run_table("put", "Orders", "[1]", code=2))


if __name__ == "__main__":
    unittest.main()
