// Clang mangles this function of fmt's otherwise than g++, which has made Debian's library.

#include <fmt/format-inl.h>

template void fmt::detail::vformat_to(buffer<char>&, string_view,
                                      basic_format_args<FMT_BUFFER_CONTEXT(type_identity_t<char>)>, locale_ref);
