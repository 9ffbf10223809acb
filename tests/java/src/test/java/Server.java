import java.io.IOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;

/** A server with a data directory of its own, until it is closed. */
final class Server implements AutoCloseable {
  private static final long START_MS_MAX = 20_000;

  final URI endpoint;
  private final Path folder = Files.createTempDirectory("millrace-test-");
  private final Process process;

  Server() throws IOException, InterruptedException {
    final String address = "127.0.0.1:" + freePort();
    endpoint = URI.create("http://" + address);
    process = new ProcessBuilder(program(), "serve", "--data", folder.resolve("data").toString(), "--listen", address,
        "--dashboard", "off").redirectErrorStream(true).redirectOutput(folder.resolve("messages").toFile()).start();
    final long since = System.currentTimeMillis();
    while (!isHealthy()) {
      if (!process.isAlive() || System.currentTimeMillis() - since > START_MS_MAX) {
        throw new IOException("the server does not answer: " + Files.readString(folder.resolve("messages")));
      }
      Thread.sleep(20);
    }
  }

  @Override
  public void close() throws IOException, InterruptedException {
    process.destroy();
    process.waitFor();
    final List<Path> files;
    try (var walk = Files.walk(folder)) {
      files = walk.sorted(Comparator.reverseOrder()).toList();
    }
    for (final Path file : files) Files.delete(file);
  }

  /** A store that trusts the server's authority alone, made as the documentation says. */
  Path trustStore(String password) throws IOException, InterruptedException {
    final Path certificate = folder.resolve("ca.pem");
    final Path store = folder.resolve("trust.p12");
    run(certificate, program(), "cert", "--data", folder.resolve("data").toString());
    run(folder.resolve("keytool"), Path.of(System.getProperty("java.home"), "bin", "keytool").toString(), "-importcert",
        "-noprompt", "-alias", "millrace", "-file", certificate.toString(), "-keystore", store.toString(),
        "-storepass", password);
    return store;
  }

  private static void run(Path output, String... command) throws IOException, InterruptedException {
    final int code = new ProcessBuilder(command).redirectOutput(output.toFile()).start().waitFor();
    if (code != 0) throw new IOException(String.join(" ", command) + " ended with " + code);
  }

  private static String program() {
    return System.getenv().getOrDefault("MILLRACE_BINARY", "build/millrace");
  }

  private boolean isHealthy() throws InterruptedException {
    try {
      final var answer = HttpClient.newHttpClient().send(
          HttpRequest.newBuilder(endpoint.resolve("/health")).build(), HttpResponse.BodyHandlers.discarding());
      return answer.statusCode() == 200;
    } catch (IOException notYet) {
      return false;
    }
  }

  private static int freePort() throws IOException {
    try (ServerSocket probe = new ServerSocket(0)) {
      return probe.getLocalPort();
    }
  }
}
