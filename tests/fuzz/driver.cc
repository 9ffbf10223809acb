// Runs a target without libFuzzer, so that the short run of ./test needs no second compiler: each input of the corpus
// as it is, then variations of them: so many, or until the time is over. A seed repeats a run's variations; what stops
// the process is kept in a file.
//
//   fuzz_NAME [--variations N | --for SECONDS] [--seed N] FILE_OR_FOLDER...

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "input.h"

// Of the sanitizers' library, if that is linked.
extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(void (*)());

namespace millrace::fuzz {
namespace {

constexpr size_t input_bytes_max = size_t{64} << 10;
constexpr unsigned seconds_per_input_max = 20;

std::string current;        // the input under way
std::string kept_name;      // of the file that takes it if it stops the process
bool is_variation = false;  // else a file holds it already

void keep_current() {
  if (!is_variation) return;
  if (std::FILE* file = std::fopen(kept_name.c_str(), "wb")) {
    std::fwrite(current.data(), 1, current.size(), file);
    std::fclose(file);
    std::fprintf(stderr, "the input that stopped it: %s\n", kept_name.c_str());
  }
}

void on_signal(int number) {
  keep_current();
  std::fprintf(stderr, number == SIGALRM ? "one input took more than %u s\n" : "", seconds_per_input_max);
  std::signal(SIGABRT, SIG_DFL);
  std::abort();
}

void run(std::string input) {
  current = std::move(input);
  alarm(seconds_per_input_max);
  // A copy without room behind it: AddressSanitizer sees what reads too far.
  const std::vector<uint8_t> bytes(current.begin(), current.end());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

class Variations {
 public:
  Variations(const std::vector<std::string>& corpus, uint64_t seed) : corpus_(corpus), random_(seed) {}

  std::string next() {
    std::string input = pick();
    for (size_t changes = 1 + below(5); changes > 0; --changes) change(input);
    if (input.size() > input_bytes_max) input.resize(input_bytes_max);
    return input;
  }

 private:
  size_t below(size_t bound) { return bound == 0 ? 0 : random_() % bound; }
  const std::string& pick() { return corpus_[below(corpus_.size())]; }
  std::string piece(const std::string& from) {
    const size_t at = below(from.size());
    return from.substr(at, 1 + below(std::min<size_t>(from.size() - at, 32)));
  }

  void change(std::string& input) {
    static constexpr std::string_view specials =
        "\0\1\x7f\x80\xff\"'\\{}[]():,.;-+*%#0 9\n\t\re"
        "AZ";
    const size_t at = below(input.size() + 1);
    const size_t some = 1 + below(std::min<size_t>(input.size() - at, 1 + below(64)));
    switch (below(9)) {
      case 0:
        if (at < input.size()) input[at] = static_cast<char>(input[at] ^ (1 << below(8)));
        break;
      case 1:
        if (at < input.size()) input[at] = static_cast<char>(random_());
        break;
      case 2:
        if (at < input.size()) input[at] = specials[below(specials.size())];
        break;
      case 3:
        input.insert(at, 1, specials[below(specials.size())]);
        break;
      case 4:
        input.erase(at, some);
        break;
      case 5:
        input.insert(at, input.substr(at, some));
        break;
      case 6:
        input.insert(at, piece(pick()));
        break;
      case 7: {
        const std::string other = piece(pick());
        input.replace(at, std::min(other.size(), input.size() - at), other);
        break;
      }
      default: {
        const std::string& other = pick();
        input.resize(at);
        input += other.substr(below(other.size() + 1));
      }
    }
  }

  const std::vector<std::string>& corpus_;
  std::mt19937_64 random_;
};

int main(int count, char** arguments) {
  uint64_t seconds = 0;
  uint64_t variations_max = UINT64_MAX;
  uint64_t seed = std::random_device{}();
  std::vector<std::filesystem::path> paths;
  for (int i = 1; i < count; ++i) {
    const std::string_view argument = arguments[i];
    if ((argument == "--for" || argument == "--seed" || argument == "--variations") && i + 1 < count) {
      (argument == "--for"    ? seconds
       : argument == "--seed" ? seed
                              : variations_max) = std::strtoull(arguments[++i], nullptr, 10);
    } else {
      paths.emplace_back(argument);
    }
  }
  const std::string name = std::filesystem::path(arguments[0]).filename();
  std::vector<std::filesystem::path> files;
  for (const auto& path : paths) {
    if (!std::filesystem::is_directory(path)) {
      files.push_back(path);
      continue;
    }
    for (const auto& entry : std::filesystem::directory_iterator(path)) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  if (files.empty()) {
    std::fprintf(stderr, "usage: %s [--variations N | --for SECONDS] [--seed N] FILE_OR_FOLDER...\n", name.c_str());
    return 2;
  }
  kept_name = name + ".stopped";
  std::signal(SIGABRT, on_signal);
  std::signal(SIGALRM, on_signal);
  if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(keep_current);

  std::vector<std::string> corpus;
  for (const auto& file : files) {
    std::ifstream in(file, std::ios::binary);
    if (!in) {
      std::fprintf(stderr, "%s cannot be read\n", file.c_str());
      return 2;
    }
    corpus.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  for (size_t i = 0; i < corpus.size(); ++i) {
    kept_name = files[i];
    run(corpus[i]);
  }
  kept_name = name + ".stopped";
  is_variation = true;
  Variations variations(corpus, seed);
  uint64_t runs = 0;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  const bool counted = variations_max != UINT64_MAX;
  while (counted ? runs < variations_max : std::chrono::steady_clock::now() < end) {
    run(variations.next());
    ++runs;
  }
  std::printf("%s: %zu inputs, %llu variations, --seed %llu\n", name.c_str(), corpus.size(),
              static_cast<unsigned long long>(runs), static_cast<unsigned long long>(seed));
  // A target may have threads, which must not see what exit() takes down.
  std::fflush(nullptr);
  std::_Exit(0);
}

}  // namespace
}  // namespace millrace::fuzz

int main(int count, char** arguments) {
  return millrace::fuzz::main(count, arguments);
}
