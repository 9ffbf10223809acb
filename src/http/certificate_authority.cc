#include "http/certificate_authority.h"

#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <string_view>

#include "base/address.h"
#include "base/file.h"

namespace millrace::http {

namespace {

constexpr long second = 1;
constexpr long day = 86'400 * second;
constexpr size_t file_bytes_max = 64 * 1024;

std::shared_ptr<X509> own(X509* certificate) {
  return {certificate, X509_free};
}
std::shared_ptr<EVP_PKEY> own(EVP_PKEY* key) {
  return {key, EVP_PKEY_free};
}
std::shared_ptr<BIO> own(BIO* bio) {
  return {bio, BIO_free_all};
}

std::unexpected<Error> failed(std::string_view what) {
  std::array<char, 256> reason{};
  ERR_error_string_n(ERR_get_error(), reason.data(), reason.size());
  ERR_clear_error();
  return fail(ErrorKind::internal, "{}: {}", what, reason.data());
}

bool extend(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
  if (extension == nullptr) return false;
  const bool added = X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return added;
}

// A certificate that only lacks its extensions and its signature. It is valid from a day ago: clocks differ.
std::shared_ptr<X509> begin_certificate(EVP_PKEY* key, const std::string& name, long days) {
  auto certificate = own(X509_new());
  if (!certificate) return nullptr;
  constexpr size_t serial_bytes = 16;
  std::array<uint8_t, serial_bytes> serial{};
  if (RAND_bytes(serial.data(), serial.size()) != 1) return nullptr;
  serial[0] = (serial[0] & 0x7f) | 0x40;  // positive, and of the full length
  BIGNUM* const number = BN_bin2bn(serial.data(), serial.size(), nullptr);
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate.get()));
  BN_free(number);
  X509_NAME* const subject = X509_get_subject_name(certificate.get());
  const auto add = [&](const char* field, const std::string& value) {
    return X509_NAME_add_entry_by_txt(subject, field, MBSTRING_UTF8, reinterpret_cast<const uint8_t*>(value.data()),
                                      static_cast<int>(value.size()), -1, 0) == 1;
  };
  const bool good =
      X509_set_version(certificate.get(), X509_VERSION_3) == 1 && add("O", "Millrace") && add("CN", name) &&
      X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -day) != nullptr &&
      X509_time_adj_ex(X509_getm_notAfter(certificate.get()), static_cast<int>(days) - 1, 0, nullptr) != nullptr &&
      X509_set_pubkey(certificate.get(), key) == 1;
  return good ? certificate : nullptr;
}

Result<std::string> read_file(const std::string& path) {
  TRY_ASSIGN(const base::File file, base::File::open(path, O_RDONLY));
  std::string content(file_bytes_max, '\0');
  TRY_ASSIGN(const size_t bytes, file.read_at(content.data(), content.size(), 0));
  content.resize(bytes);
  return content;
}

Result<void> write_file(const std::string& path, BIO* content, unsigned mode) {
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(content, &bytes);
  const std::string unfinished = path + ".new";
  TRY_ASSIGN(base::File file, base::File::open(unfinished, O_WRONLY | O_CREAT | O_TRUNC, mode));
  TRY(file.write_at({bytes, static_cast<size_t>(size)}, 0));
  TRY(file.sync());
  return base::rename_file(unfinished, path);
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "this machine";
}

std::shared_ptr<X509> read_certificate(const std::string& pem) {
  const auto bio = own(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return own(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
}

// The certificate last: without it there is no authority, and the next start makes another one.
Result<void> make_authority(const std::string& directory) {
  TRY(base::make_directories(directory));
  const auto key = own(EVP_EC_gen("P-256"));
  if (!key) return failed("cannot make a key");
  constexpr size_t common_name_bytes_max = 64;
  const std::string name = ("Millrace CA of " + host_name()).substr(0, common_name_bytes_max);
  const auto certificate = begin_certificate(key.get(), name, CertificateAuthority::valid_days);
  const bool made = certificate &&
                    X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate.get())) == 1 &&
                    extend(certificate.get(), certificate.get(), NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
                    extend(certificate.get(), certificate.get(), NID_key_usage, "critical,keyCertSign,cRLSign") &&
                    extend(certificate.get(), certificate.get(), NID_subject_key_identifier, "hash") &&
                    X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0;
  if (!made) return failed("cannot make a certificate");
  const auto text = own(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_PKCS8PrivateKey(text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return failed("cannot write a key");
  }
  // The certificate, too, as all files of a data directory; `millrace cert` gives it out.
  constexpr unsigned for_the_user_alone = 0600;
  TRY(write_file(directory + "/" + CertificateAuthority::key_file, text.get(), for_the_user_alone));
  const auto certificate_text = own(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509(certificate_text.get(), certificate.get()) != 1) return failed("cannot write a certificate");
  TRY(write_file(directory + "/" + CertificateAuthority::certificate_file, certificate_text.get(), for_the_user_alone));
  return base::sync_directory(directory);
}

}  // namespace

Result<CertificateAuthority> CertificateAuthority::read(const std::string& directory) {
  const std::string path = directory + "/" + certificate_file;
  CertificateAuthority authority;
  TRY_ASSIGN(authority.pem_, read_file(path));
  authority.certificate_ = read_certificate(authority.pem_);
  if (authority.certificate_) return authority;
  ERR_clear_error();
  return fail(ErrorKind::corrupt, "{} is no certificate; remove {}, and the next start makes another authority", path,
              directory);
}

Result<CertificateAuthority> CertificateAuthority::open(const std::string& directory) {
  if (!std::filesystem::exists(directory + "/" + certificate_file)) TRY(make_authority(directory));
  TRY_ASSIGN(CertificateAuthority authority, read(directory));
  const std::string path = directory + "/" + key_file;
  TRY_ASSIGN(const std::string text, read_file(path));
  const auto bio = own(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  authority.key_ = own(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  if (authority.key_ && X509_check_private_key(authority.certificate_.get(), authority.key_.get()) == 1) {
    return authority;
  }
  ERR_clear_error();
  return fail(ErrorKind::corrupt,
              "{} is not the key of {}; put the right one there, or remove {}: the next start makes another authority, "
              "which clients have to trust anew",
              path, certificate_file, directory);
}

std::string CertificateAuthority::fingerprint() const {
  std::array<uint8_t, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  X509_digest(certificate_.get(), EVP_sha256(), digest.data(), &size);
  std::string text;
  for (unsigned i = 0; i < size; ++i) text += fmt::format("{}{:02X}", i == 0 ? "" : ":", digest[i]);
  return text;
}

Result<CertificateAuthority::Issued> CertificateAuthority::issue(std::span<const std::string> names) const {
  CHECK(key_ != nullptr && !names.empty(), "open() comes before issue(), and a certificate has a name");
  Issued issued{nullptr, own(EVP_EC_gen("P-256"))};
  if (!issued.key) return failed("cannot make a key");
  std::string alternatives;
  for (const std::string& name : names) {
    if (!alternatives.empty()) alternatives += ',';
    alternatives += base::is_ip_address(name) ? "IP:" : "DNS:";
    const bool in_brackets = name.starts_with('[') && name.ends_with(']');
    alternatives += in_brackets ? name.substr(1, name.size() - 2) : name;
  }
  auto certificate = begin_certificate(issued.key.get(), "millrace serve", issued_valid_days);
  const bool made = certificate &&
                    X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate_.get())) == 1 &&
                    extend(certificate.get(), certificate_.get(), NID_basic_constraints, "critical,CA:FALSE") &&
                    extend(certificate.get(), certificate_.get(), NID_key_usage, "critical,digitalSignature") &&
                    extend(certificate.get(), certificate_.get(), NID_ext_key_usage, "serverAuth") &&
                    extend(certificate.get(), certificate_.get(), NID_subject_key_identifier, "hash") &&
                    extend(certificate.get(), certificate_.get(), NID_authority_key_identifier, "keyid:always") &&
                    extend(certificate.get(), certificate_.get(), NID_subject_alt_name, alternatives) &&
                    X509_sign(certificate.get(), key_.get(), EVP_sha256()) > 0;
  if (!made) return failed(fmt::format("cannot make a certificate for {}", alternatives));
  issued.certificate = std::move(certificate);
  return issued;
}

}  // namespace millrace::http
