// A server with a data directory of its own, for as long as the tests take.

import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const start_ms_max = 20_000;

function free_port() {
  return new Promise((done) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => done(port));
    });
  });
}

const program = () => process.env.MILLRACE_BINARY ?? "build/millrace";

export class Server {
  async start() {
    this.folder = mkdtempSync(join(tmpdir(), "millrace-test-"));
    const address = `127.0.0.1:${await free_port()}`;
    this.endpoint = `http://${address}`;
    this.messages = "";
    this.process = spawn(program(),
      ["serve", "--data", join(this.folder, "data"), "--listen", address, "--dashboard", "off"],
      { stdio: ["ignore", "ignore", "pipe"] });
    this.process.stderr.on("data", (data) => (this.messages += data));
    this.ended = new Promise((done) => this.process.on("close", done));
    for (const since = Date.now(); ; await new Promise((next) => setTimeout(next, 20))) {
      const answer = await fetch(`${this.endpoint}/health`).catch(() => null);
      if (answer?.ok) return;
      if (this.process.exitCode !== null || Date.now() - since > start_ms_max) {
        throw new Error(`the server does not answer: ${this.messages}`);
      }
    }
  }

  // A file with what a client of https has to trust.
  authority() {
    const path = join(this.folder, "ca.pem");
    writeFileSync(path, execFileSync(program(), ["cert", "--data", join(this.folder, "data")], { stdio: "pipe" }));
    return path;
  }

  async stop() {
    this.process.kill("SIGTERM");
    await this.ended;
    rmSync(this.folder, { recursive: true });
  }
}
