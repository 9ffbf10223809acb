#include "send/unpack.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <zlib.h>
#include <zstd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

namespace millrace::send {
namespace {

std::string gzipped(std::string_view text) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string zstd_packed(std::string_view text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

// Hardly compressible, so that its packed form has many pieces.
std::string noise(size_t bytes) {
  std::string out;
  for (uint64_t x = 1; out.size() < bytes; x = x * 6364136223846793005 + 1442695040888963407) {
    out.push_back(static_cast<char>(x >> 56));
  }
  return out;
}

class UnpackTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/millrace-unpack-XXXXXX";
    directory_ = mkdtemp(name);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  // The text, and behind it the error, if there is one, without the path.
  std::string unpacked(std::string_view content, size_t bytes = 10'000) {
    const std::string path = directory_ + "/file";
    std::ofstream(path, std::ios::binary) << content;
    auto input = Unpacked::over(std::move(*Input::open(path)));
    if (!input) return input.error().message;
    std::string text;
    std::string piece(bytes, '\0');
    for (;;) {
      const auto got = (*input)->read(piece.data(), bytes);
      if (!got) {
        EXPECT_EQ(got.error().kind, ErrorKind::corrupt);
        return text + "!" + got.error().message.substr(path.size() + 2);
      }
      if (*got == 0) return text;
      text += piece.substr(0, *got);
    }
  }

  std::string directory_;
};

TEST_F(UnpackTest, gives_what_is_not_compressed_as_it_is) {
  for (const std::string& text : {std::string(), std::string("\x1f"), std::string("a"), noise(700'000)}) {
    EXPECT_EQ(unpacked(text), text);
    EXPECT_EQ(unpacked(text.substr(0, 300), 1), text.substr(0, 300));
  }
}

TEST_F(UnpackTest, unpacks_gzip_of_one_or_several_parts) {
  const std::string text = noise(700'000);
  EXPECT_EQ(unpacked(gzipped(text)), text);
  EXPECT_EQ(unpacked(gzipped("one ") + gzipped("") + gzipped("two"), 1), "one two");
  EXPECT_EQ(unpacked(gzipped(text) + gzipped(text)), text + text);
}

TEST_F(UnpackTest, passes_over_zeros_behind_gzip) {
  EXPECT_EQ(unpacked(gzipped("one") + std::string(1'000'000, '\0')), "one");
}

TEST_F(UnpackTest, says_where_something_else_follows_gzip) {
  const std::string one = gzipped("one");
  for (const std::string& more : {std::string("k,t\n1,2\n"), std::string("\x1f"), std::string("\0\0x", 3)}) {
    EXPECT_EQ(unpacked(one + more),
              fmt::format("one!the gzip data ends at byte {} and something else follows", one.size()));
  }
}

TEST_F(UnpackTest, gives_what_can_be_read_of_damaged_gzip) {
  std::string packed = gzipped(noise(700'000));
  const std::string cut = unpacked(packed.substr(0, packed.size() / 2));
  EXPECT_GT(cut.size(), 300'000u);
  EXPECT_TRUE(cut.ends_with("!the gzip data is cut off"));
  packed[packed.size() - 6] ^= 1;  // of the checksum
  EXPECT_EQ(unpacked(packed), noise(700'000) + "!the gzip data is damaged");
}

TEST_F(UnpackTest, unpacks_zstd_of_one_or_several_parts) {
  const std::string text = noise(700'000);
  const std::string zeros(3'000'000, '\0');
  const std::string skipped("\x53\x2a\x4d\x18\3\0\0\0abc", 11);
  EXPECT_EQ(unpacked(zstd_packed(text)), text);
  EXPECT_EQ(unpacked(zstd_packed(zeros)), zeros);
  EXPECT_EQ(unpacked(zstd_packed("one ") + zstd_packed("") + skipped + zstd_packed("two"), 1), "one two");
  EXPECT_EQ(unpacked(skipped + zstd_packed(text) + zstd_packed(text)), text + text);
}

TEST_F(UnpackTest, says_where_something_else_follows_zstd) {
  const std::string one = zstd_packed("one");
  EXPECT_EQ(unpacked(one + "k,t\n1,2\n"),
            fmt::format("one!the zstd data ends at byte {} and something else follows", one.size()));
}

TEST_F(UnpackTest, gives_what_can_be_read_of_damaged_zstd) {
  std::string packed = zstd_packed(noise(700'000));
  const std::string cut = unpacked(packed.substr(0, packed.size() / 2));
  EXPECT_GT(cut.size(), 200'000u);
  EXPECT_TRUE(cut.ends_with("!the zstd data is cut off"));
  packed[4] ^= 0x8;  // a bit of the frame's header that is reserved
  EXPECT_TRUE(unpacked(packed).starts_with("!the zstd data is damaged (")) << unpacked(packed).substr(0, 100);
}

TEST_F(UnpackTest, a_stop_ends_the_wait_for_a_pipe) {
  const std::string path = directory_ + "/pipe";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  std::stop_source stop;
  std::atomic<int> waits = 0;
  std::thread writer([&] {
    std::ofstream pipe(path);
    pipe << "abc" << std::flush;
    while (waits == 0) std::this_thread::yield();
    stop.request_stop();
    while (waits < 100) std::this_thread::yield();
  });
  auto input = Unpacked::over(std::move(*Input::open(path, {stop.get_token(), [&] { ++waits; }})));
  char piece[10];
  for (size_t got = 0; got < 3;) got += *(*input)->read(piece, sizeof piece);
  EXPECT_FALSE((*input)->read(piece, sizeof piece));
  waits = 100;
  writer.join();
}

}  // namespace
}  // namespace millrace::send
