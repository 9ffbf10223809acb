#include "api/sts.h"

#include <fmt/format.h>

namespace millrace::api {

void add_sts_operations(aws::Service& service, std::string account_id) {
  service.add({aws::sts_protocol, "GetCallerIdentity", [account_id = std::move(account_id)](aws::Call& call) {
                 const std::string_view user = call.access_key_id.empty() ? "anyone" : call.access_key_id;
                 aws::Writer out(call.coding);
                 out.begin();
                 out.member("Arn").text(fmt::format("arn:aws:iam::{}:user/{}", account_id, user));
                 out.member("UserId").text(user);
                 out.member("Account").text(account_id);
                 out.end();
                 call.answer.ok(std::move(out));
               }});
}

}  // namespace millrace::api
