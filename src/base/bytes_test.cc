#include "base/bytes.h"

#include <gtest/gtest.h>

namespace millrace::base {
namespace {

TEST(Bytes, WhatIsWrittenIsReadBack) {
  std::string out;
  put_varint(out, 0);
  put_varint(out, 300);
  put_varint(out, UINT64_MAX);
  put_signed_varint(out, -1);
  put_signed_varint(out, INT64_MIN);
  put_bytes(out, "clicks");
  put_fixed<uint32_t>(out, 7);
  ByteReader in(out);
  EXPECT_EQ(in.varint(), 0u);
  EXPECT_EQ(in.varint(), 300u);
  EXPECT_EQ(in.varint(), UINT64_MAX);
  EXPECT_EQ(in.signed_varint(), -1);
  EXPECT_EQ(in.signed_varint(), INT64_MIN);
  EXPECT_EQ(in.bytes(), "clicks");
  EXPECT_EQ(in.fixed<uint32_t>(), 7u);
  EXPECT_TRUE(in.ok());
  EXPECT_TRUE(in.done());
}

TEST(Bytes, ReadingPastTheEndFailsAndStaysFailed) {
  ByteReader in(
      std::string_view("\x05"
                       "ab",
                       3));
  EXPECT_EQ(in.bytes(), "");
  EXPECT_FALSE(in.ok());
  EXPECT_EQ(in.varint(), 0u);
  EXPECT_FALSE(in.ok());
}

TEST(Bytes, AVarintLongerThanTenBytesFails) {
  ByteReader in(std::string_view("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11));
  in.varint();
  EXPECT_FALSE(in.ok());
}

TEST(Bytes, BigEndianKeysSortAsNumbers) {
  std::string small, large;
  put_be64(small, 255);
  put_be64(large, 256);
  EXPECT_LT(small, large);
  EXPECT_EQ(get_be64(large.data()), 256u);
}

// RFC 3720, appendix B.4: 32 bytes of zeros and the digits 1 to 9.
TEST(Bytes, Crc32cOfKnownVectors) {
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(crc32c("56789", crc32c("1234")), 0xe3069283u);
}

}  // namespace
}  // namespace millrace::base
