#pragma once
// A file system in memory that knows what is durable. Each file has its bytes as they were written and as they were
// synced, each directory its entries and the changes to them since it was synced. A loss of power keeps what was
// synced, and of the rest what chance decides: sectors old, new or (only the bytes that were written) garbled; of a
// directory's changes a prefix.
//
// Pure: no clock, no failures but a full disk; files.cc adds those. Used by one thread at a time.

#include <array>
#include <cstdint>
#include <map>
#include <memory_resource>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "random.h"

namespace millrace::simulation {

class Disk {
 public:
  using Node = uint32_t;
  static constexpr Node root = 0;
  static constexpr size_t page_bytes = 4096;
  static constexpr size_t sector_bytes = 512;

  explicit Disk(std::pmr::memory_resource* memory);

  std::optional<Node> find(Node directory, std::string_view name) const;
  bool is_directory(Node node) const { return nodes_[node].directory; }
  std::vector<std::string> names(Node directory) const;
  uint64_t size(Node node) const { return nodes_[node].size; }
  uint64_t used_bytes() const { return used_bytes_; }
  uint64_t capacity_bytes = UINT64_MAX;

  Node make(Node directory, std::string_view name, bool is_directory);
  void remove(Node directory, std::string_view name);
  void move(Node from, std::string_view old_name, Node to, std::string_view new_name);

  size_t read(Node node, char* to, size_t bytes, uint64_t offset) const;
  // False: no space; nothing was written.
  bool write(Node node, std::string_view bytes, uint64_t offset);
  bool resize(Node node, uint64_t bytes);
  void sync(Node node);
  void sync_all();

  void lose_power(Random& random);
  // Damage to what was synced, which no crash does: one bit.
  void flip_bit(Node node, uint64_t bit);

 private:
  struct Page {
    std::array<char, page_bytes> bytes;
  };
  // A null page reads as zeros. A page that both lists share is clean.
  using Pages = std::pmr::vector<Page*>;
  using Entries = std::pmr::map<std::pmr::string, Node, std::less<>>;
  struct Change {
    std::pmr::string name;
    std::optional<Node> node;    // nothing: erased
    bool with_the_next = false;  // both are one change (a rename)
  };
  struct File {
    explicit File(std::pmr::memory_resource* memory)
        : now(memory), synced(memory), entries(memory), synced_entries(memory), changes(memory) {}
    bool directory = false;
    Pages now, synced;
    uint64_t size = 0, synced_size = 0;
    bool has_room = false;  // it was made longer before it was written, since it was synced
    Entries entries, synced_entries;
    std::pmr::vector<Change> changes;
    uint32_t links = 0;
  };

  Page* copy(const Page* page);
  void release(Page* page);
  void cut(File& file, uint64_t bytes);
  void change(Node directory, std::string_view name, std::optional<Node> node, bool with_the_next = false);
  static void apply(Entries& entries, const Change& change);
  void unlink(Node node);
  void lose_pages(File& file, Random& random);

  std::pmr::memory_resource* memory_;
  std::pmr::vector<File> nodes_;
  uint64_t used_bytes_ = 0;
};

}  // namespace millrace::simulation
