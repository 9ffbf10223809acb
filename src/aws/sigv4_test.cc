#include "aws/sigv4.h"

#include <gtest/gtest.h>

namespace millrace::aws {
namespace {

constexpr std::string_view test_date = "20150830T123600Z";
const Credential test_credential{"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"};

ProcessingTime test_time() {
  return ProcessingTime(1'440'938'160'000);
}

// AWS's published test suite: one request, and the signature it must get.
struct Vector {
  std::string name;
  std::string method;
  std::string path;
  std::string query;
  std::vector<http::Header> headers;  // besides Host and X-Amz-Date
  std::string body;
  std::string signature;
};

class TestSuite : public testing::TestWithParam<Vector> {};

TEST_P(TestSuite, SignatureIsAwsOwn) {
  const Vector& vector = GetParam();
  std::vector<http::Header> headers = {{"Host", "example.amazonaws.com"}, {"X-Amz-Date", test_date}};
  headers.insert(headers.end(), vector.headers.begin(), vector.headers.end());
  Signer signer(test_credential, "us-east-1", "service");
  const std::string authorization = signer.authorization(
      {.method = vector.method, .path = vector.path, .query = vector.query, .headers = headers, .body = vector.body},
      test_date);
  EXPECT_EQ(authorization.substr(authorization.find("Signature=") + 10), vector.signature);
  EXPECT_EQ(authorization.substr(0, 75), "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_req");
}

constexpr auto vanilla = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";

INSTANTIATE_TEST_SUITE_P(
    Vectors, TestSuite,
    testing::Values(
        Vector{"GetVanilla", "GET", "/", "", {}, "", vanilla},
        Vector{"GetVanillaQueryOrderKeyCase",
               "GET",
               "/",
               "Param2=value2&Param1=value1",
               {},
               "",
               "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
        Vector{"GetVanillaEmptyQueryKey",
               "GET",
               "/",
               "Param1=value1",
               {},
               "",
               "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"},
        Vector{"GetUnreserved",
               "GET",
               "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
               "",
               {},
               "",
               "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
        Vector{"GetUtf8",
               "GET",
               "/\u1234",
               "",
               {},
               "",
               "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
        Vector{"GetSpace",
               "GET",
               "/example space/",
               "",
               {},
               "",
               "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"},
        Vector{"GetSlash", "GET", "//", "", {}, "", vanilla},
        Vector{"GetRelative", "GET", "/example/..", "", {}, "", vanilla},
        Vector{"GetSlashDotSlash", "GET", "/./", "", {}, "", vanilla},
        Vector{"GetHeaderValueTrim",
               "GET",
               "/",
               "",
               {{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\""}},
               "",
               "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
        Vector{
            "PostVanilla", "POST", "/", "", {}, "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
        Vector{"PostForm",
               "POST",
               "/",
               "",
               {{"Content-Type", "application/x-www-form-urlencoded"}},
               "Param1=value1",
               "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"}),
    [](const auto& info) { return info.param.name; });

TEST(CanonicalRequest, IsAsDocumented) {
  const http::Header headers[] = {
      {"X-Amz-Date", test_date}, {"HOST", "example.amazonaws.com"}, {"My-Header", "b"}, {"my-header", " a  c "}};
  const std::string_view signed_headers[] = {"host", "my-header", "x-amz-date"};
  std::string text;
  append_canonical_request(
      text, {.method = "GET", .path = "/a%20b/../c d", .query = "b=%2F&a&a=%c3%bc", .headers = headers, .body = ""},
      signed_headers, "hash");
  EXPECT_EQ(
      text,
      "GET\n/c%20d\na=&a=%C3%BC&b=%2F\nhost:example.amazonaws.com\nmy-header:b,a c\nx-amz-date:20150830T123600Z\n\n"
      "host;my-header;x-amz-date\nhash");
}

TEST(AmzDate, IsIsoBasic) {
  EXPECT_EQ(amz_date(test_time()), test_date);
}

// A server that knows one key, at the time of the test suite, and requests to it.
class Verification : public testing::Test {
 protected:
  Verification() { EXPECT_TRUE(credentials_.add(test_credential)); }

  struct Sent {
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
    std::string& operator[](std::string_view name) {
      for (auto& [key, value] : headers) {
        if (key == name) return value;
      }
      return headers.emplace_back(name, "").second;
    }
    void without(std::string_view name) {
      std::erase_if(headers, [&](const auto& header) { return header.first == name; });
    }
    void replace(std::string_view name, std::string_view from, std::string_view to) {
      std::string& value = (*this)[name];
      const size_t at = value.find(from);
      ASSERT_NE(at, std::string::npos) << value;
      value.replace(at, from.size(), to);
    }
  };

  Sent sign(const Credential& credential = test_credential, std::string_view region = "us-east-1",
            std::string_view service = "kinesis") {
    Sent sent{{{"Host", "127.0.0.1:4566"},
               {"X-Amz-Target", "Kinesis_20131202.ListStreams"},
               {"X-Amz-Date", std::string(test_date)}},
              "{}"};
    std::vector<http::Header> headers;
    for (const auto& [name, value] : sent.headers) headers.push_back({name, value});
    Signer signer(credential, std::string(region), std::string(service));
    const std::string authorization = signer.authorization(
        {.method = "POST", .path = "/", .query = "", .headers = headers, .body = sent.body}, test_date);
    sent["Authorization"] = authorization;
    sent["User-Agent"] = "test";  // not signed
    return sent;
  }

  // "ok <access key> <region>", or the error's name.
  std::string verify(const Sent& sent, std::string_view method = "POST", std::string_view path = "/") {
    std::vector<http::Header> headers;
    for (const auto& [name, value] : sent.headers) headers.push_back({name, value});
    http::Request request;
    request.method = method;
    request.target = request.path = path;
    request.headers = headers;
    request.body = sent.body;
    const auto identity = verifier_.verify(request, "kinesis");
    if (!identity) {
      EXPECT_EQ(identity.error().status, 400);
      EXPECT_FALSE(identity.error().message.empty());
      return identity.error().name;
    }
    return fmt::format("ok {} {}", identity->access_key_id, identity->region);
  }

  Credentials credentials_;
  base::ManualClock clock_{test_time()};
  Verifier verifier_{credentials_, clock_};
};

TEST_F(Verification, ARequestSignedByAKnownKeyIsAccepted) {
  EXPECT_EQ(verify(sign()), "ok AKIDEXAMPLE us-east-1");
  EXPECT_EQ(verify(sign()), "ok AKIDEXAMPLE us-east-1");  // from the kept key
  EXPECT_EQ(verify(sign(test_credential, "eu-west-1")), "ok AKIDEXAMPLE eu-west-1");
}

// As AWS's SDK for JavaScript signs what it sends over HTTP/2.
TEST_F(Verification, TheHostMayBeSignedUnderTheNameThatHttp2HasForIt) {
  const auto replaced = [](Sent sent) {
    sent.without("Authorization");
    sent[":authority"] = sent["Host"];
    sent.without("Host");
    std::vector<http::Header> headers;
    for (const auto& [name, value] : sent.headers) {
      if (name != "User-Agent") headers.push_back({name, value});
    }
    Signer signer(test_credential, "us-east-1", "kinesis");
    sent["Authorization"] = signer.authorization(
        {.method = "POST", .path = "/", .query = "", .headers = headers, .body = sent.body}, test_date);
    return sent;
  };
  Sent sent = replaced(sign());
  EXPECT_EQ(verify(sent), "ok AKIDEXAMPLE us-east-1");
  sent[":authority"] = "elsewhere";
  EXPECT_EQ(verify(sent), "InvalidSignatureException");
}

TEST_F(Verification, AKeyThatWasRemovedIsRefusedAlsoWhenItWasInUse) {
  EXPECT_EQ(verify(sign()), "ok AKIDEXAMPLE us-east-1");
  credentials_.remove("AKIDEXAMPLE");
  EXPECT_EQ(verify(sign()), "UnrecognizedClientException");
}

TEST_F(Verification, AnyChangeOfWhatIsSignedIsNoticed) {
  EXPECT_EQ(verify(sign(), "GET"), "InvalidSignatureException");
  EXPECT_EQ(verify(sign(), "POST", "/x"), "InvalidSignatureException");
  Sent sent = sign();
  sent.body = "{ }";
  EXPECT_EQ(verify(sent), "InvalidSignatureException");
  sent = sign();
  sent["X-Amz-Target"] = "Kinesis_20131202.DeleteStream";
  EXPECT_EQ(verify(sent), "InvalidSignatureException");
  sent = sign();
  sent["Host"] = "elsewhere";
  EXPECT_EQ(verify(sent), "InvalidSignatureException");
  sent = sign();
  std::string& authorization = sent["Authorization"];
  authorization.back() = authorization.back() == '0' ? '1' : '0';
  EXPECT_EQ(verify(sent), "InvalidSignatureException");
  sent = sign();
  sent["Authorization"].pop_back();
  EXPECT_EQ(verify(sent), "InvalidSignatureException");
  sent = sign();
  sent["User-Agent"] = "another";
  EXPECT_EQ(verify(sent), "ok AKIDEXAMPLE us-east-1");
}

TEST_F(Verification, AHeaderThatSteersMustBeSigned) {
  Sent sent = sign();
  sent["X-Amz-Security-Token"] = "token";
  EXPECT_EQ(verify(sent), "InvalidSignatureException");
  sent = sign();
  sent.replace("Authorization", "host;", "");
  EXPECT_EQ(verify(sent), "InvalidSignatureException");
  sent = sign();
  sent.replace("Authorization", "host;", "host;missing;");
  EXPECT_EQ(verify(sent), "InvalidSignatureException");
}

TEST_F(Verification, WrongKeys) {
  EXPECT_EQ(verify(sign({"AKIDEXAMPLE", "another secret"})), "InvalidSignatureException");
  EXPECT_EQ(verify(sign({"STRANGER", "secret"})), "UnrecognizedClientException");
  EXPECT_EQ(verify(sign(test_credential, "us-east-1", "dynamodb")), "InvalidSignatureException");
}

TEST_F(Verification, IncompleteHeaders) {
  Sent sent = sign();
  sent.without("Authorization");
  EXPECT_EQ(verify(sent), "MissingAuthenticationTokenException");
  sent = sign();
  sent.without("X-Amz-Date");
  EXPECT_EQ(verify(sent), "IncompleteSignatureException");
  sent = sign();
  sent["X-Amz-Date"] = "yesterday";
  EXPECT_EQ(verify(sent), "IncompleteSignatureException");
  for (const std::string_view part :
       {"Credential=", "SignedHeaders=", "Signature=", "AWS4-HMAC-SHA256 ", "AKIDEXAMPLE/"}) {
    sent = sign();
    sent.replace("Authorization", part, "");
    EXPECT_EQ(verify(sent), "IncompleteSignatureException") << part;
  }
  for (const std::string_view header :
       {"AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 ", "Basic abc", "AWS4-HMAC-SHA256 ,,,=,"}) {
    sent = sign();
    sent["Authorization"] = header;
    EXPECT_EQ(verify(sent), "IncompleteSignatureException") << header;
  }
  sent = sign();
  sent.replace("Authorization", "/20150830/", "/20150831/");
  EXPECT_EQ(verify(sent), "InvalidSignatureException");
}

TEST_F(Verification, TheClocksMayDifferByFifteenMinutes) {
  const Sent sent = sign();
  clock_.advance_ms(clock_skew_ms_max);
  EXPECT_EQ(verify(sent), "ok AKIDEXAMPLE us-east-1");
  clock_.advance_ms(1);
  EXPECT_EQ(verify(sent), "InvalidSignatureException");
  clock_.advance_ms(-2 * clock_skew_ms_max - 1);
  EXPECT_EQ(verify(sent), "ok AKIDEXAMPLE us-east-1");
  clock_.advance_ms(-1);
  EXPECT_EQ(verify(sent), "InvalidSignatureException");
}

TEST_F(Verification, ThePayloadIsNeverTakenOnTrust) {
  // Signed with the hash among the headers, as some SDKs do.
  for (const std::string declared :
       {"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a", "UNSIGNED-PAYLOAD"}) {
    const http::Header headers[] = {{"Host", "h"}, {"X-Amz-Content-Sha256", declared}, {"X-Amz-Date", test_date}};
    Signer signer(test_credential, "us-east-1", "kinesis");
    Sent sent{{{"Host", "h"}, {"X-Amz-Content-Sha256", declared}, {"X-Amz-Date", std::string(test_date)}}, "{}"};
    sent["Authorization"] =
        signer.authorization({.method = "POST", .path = "/", .query = "", .headers = headers, .body = "{}"}, test_date);
    EXPECT_EQ(verify(sent), declared.size() == 64 ? "ok AKIDEXAMPLE us-east-1" : "InvalidSignatureException");
  }
}

TEST(CredentialsTest, RefusesWhatCannotBeSignedWith) {
  Credentials credentials;
  EXPECT_FALSE(credentials.add({"", "secret"}));
  EXPECT_FALSE(credentials.add({"key", ""}));
  EXPECT_FALSE(credentials.add({"a/b", "secret"}));
  EXPECT_TRUE(credentials.add({"key", "secret"}));
  const auto again = credentials.add({"key", "other"});
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind, ErrorKind::already_exists);
  EXPECT_EQ(credentials.find("key")->secret_access_key, "secret");
  EXPECT_EQ(credentials.find("other"), nullptr);
}

}  // namespace
}  // namespace millrace::aws
