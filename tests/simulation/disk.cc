#include "disk.h"

#include <algorithm>
#include <cstring>

namespace millrace::simulation {

Disk::Disk(std::pmr::memory_resource* memory) : memory_(memory), nodes_(memory) {
  nodes_.emplace_back(memory_).directory = true;
}

std::optional<Disk::Node> Disk::find(Node directory, std::string_view name) const {
  const Entries& entries = nodes_[directory].entries;
  const auto found = entries.find(name);
  return found == entries.end() ? std::nullopt : std::optional(found->second);
}

std::vector<std::string> Disk::names(Node directory) const {
  std::vector<std::string> names;
  for (const auto& [name, node] : nodes_[directory].entries) names.emplace_back(name);
  return names;
}

void Disk::apply(Entries& entries, const Change& change) {
  if (change.node) {
    entries.insert_or_assign(change.name, *change.node);
  } else if (const auto found = entries.find(std::string_view(change.name)); found != entries.end()) {
    entries.erase(found);
  }
}

void Disk::change(Node directory, std::string_view name, std::optional<Node> node, bool with_the_next) {
  File& file = nodes_[directory];
  file.changes.push_back({std::pmr::string(name, memory_), node, with_the_next});
  apply(file.entries, file.changes.back());
}

Disk::Node Disk::make(Node directory, std::string_view name, bool is_directory) {
  const Node node = static_cast<Node>(nodes_.size());
  nodes_.emplace_back(memory_).directory = is_directory;
  nodes_[node].links = 1;
  change(directory, name, node);
  return node;
}

void Disk::unlink(Node node) {
  File& file = nodes_[node];
  if (--file.links == 0) used_bytes_ -= file.size;
}

void Disk::remove(Node directory, std::string_view name) {
  unlink(*find(directory, name));
  change(directory, name, std::nullopt);
}

void Disk::move(Node from, std::string_view old_name, Node to, std::string_view new_name) {
  const Node node = *find(from, old_name);
  if (const auto replaced = find(to, new_name)) unlink(*replaced);
  change(from, old_name, std::nullopt, from == to);
  change(to, new_name, node);
}

Disk::Page* Disk::copy(const Page* page) {
  auto* made = static_cast<Page*>(memory_->allocate(sizeof(Page), alignof(Page)));
  if (page != nullptr) {
    *made = *page;
  } else {
    made->bytes.fill(0);
  }
  return made;
}

void Disk::release(Page* page) {
  if (page != nullptr) memory_->deallocate(page, sizeof(Page), alignof(Page));
}

size_t Disk::read(Node node, char* to, size_t bytes, uint64_t offset) const {
  const File& file = nodes_[node];
  if (offset >= file.size) return 0;
  bytes = std::min<uint64_t>(bytes, file.size - offset);
  for (size_t done = 0; done < bytes;) {
    const size_t at = (offset + done) % page_bytes;
    const size_t n = std::min(bytes - done, page_bytes - at);
    const size_t index = (offset + done) / page_bytes;
    const Page* page = index < file.now.size() ? file.now[index] : nullptr;
    if (page != nullptr) {
      std::memcpy(to + done, page->bytes.data() + at, n);
    } else {
      std::memset(to + done, 0, n);
    }
    done += n;
  }
  return bytes;
}

bool Disk::write(Node node, std::string_view bytes, uint64_t offset) {
  File& file = nodes_[node];
  if (offset + bytes.size() > file.size) {
    const bool had_room = file.has_room;
    if (!resize(node, offset + bytes.size())) return false;
    file.has_room = had_room;
  }
  while (!bytes.empty()) {
    const size_t index = offset / page_bytes;
    const size_t at = offset % page_bytes;
    const size_t n = std::min(bytes.size(), page_bytes - at);
    if (index >= file.now.size()) file.now.resize(index + 1);
    Page*& page = file.now[index];
    const bool zeros = bytes[0] == 0 && std::memcmp(bytes.data(), bytes.data() + 1, n - 1) == 0;
    if (page != nullptr || !zeros) {
      if (page == nullptr || (index < file.synced.size() && page == file.synced[index])) page = copy(page);
      std::memcpy(page->bytes.data() + at, bytes.data(), n);
    }
    bytes.remove_prefix(n);
    offset += n;
  }
  return true;
}

// What lies behind the end of a file reads as zeros when the file grows again.
void Disk::cut(File& file, uint64_t bytes) {
  const size_t whole = bytes / page_bytes;
  for (size_t index = whole; index < file.now.size(); ++index) {
    Page*& page = file.now[index];
    const bool shared = index < file.synced.size() && page == file.synced[index];
    Page* kept = nullptr;
    if (index == whole && page != nullptr && bytes % page_bytes != 0) {
      kept = copy(page);
      std::fill(kept->bytes.begin() + bytes % page_bytes, kept->bytes.end(), 0);
    }
    if (!shared) release(page);
    page = kept;
  }
}

bool Disk::resize(Node node, uint64_t bytes) {
  File& file = nodes_[node];
  const uint64_t used = used_bytes_ - (file.links > 0 ? file.size : 0) + bytes;
  if (bytes > file.size && used > capacity_bytes) return false;
  if (bytes < file.size) cut(file, bytes);
  if (file.links > 0) used_bytes_ = used;
  file.has_room |= bytes > file.size;
  file.size = bytes;
  return true;
}

void Disk::sync(Node node) {
  File& file = nodes_[node];
  file.synced.resize(file.now.size());
  for (size_t index = 0; index < file.now.size(); ++index) {
    if (file.synced[index] != file.now[index]) release(file.synced[index]);
    file.synced[index] = file.now[index];
  }
  file.synced_size = file.size;
  file.has_room = false;
  for (const Change& change : file.changes) apply(file.synced_entries, change);
  file.changes.clear();
}

void Disk::sync_all() {
  for (Node node = 0; node < nodes_.size(); ++node) sync(node);
}

void Disk::lose_pages(File& file, Random& random) {
  // Of 8 sectors so many reach the disk: all, none or some.
  const uint64_t kept_of_eight = random.one_in(2) ? random.below(9) : (random.one_in(2) ? 0 : 8);
  const bool garbles = random.one_in(4);
  // A file grows on the disk when what was appended has been written, unless it was given its room before.
  const uint64_t appended_from = file.has_room ? UINT64_MAX : file.synced_size;
  file.synced.resize(std::max(file.synced.size(), file.now.size()));
  file.now.resize(file.synced.size());
  for (size_t index = 0; index < file.now.size(); ++index) {
    Page* const now = file.now[index];
    Page* const synced = file.synced[index];
    if (now == synced) continue;
    Page* const left = copy(synced);
    for (size_t at = 0; at < page_bytes; at += sector_bytes) {
      const bool kept = random.below(8) < kept_of_eight;
      const bool garbled = garbles && random.one_in(8);
      for (size_t i = at; i < at + sector_bytes; ++i) {
        const bool appended = index * page_bytes + i >= appended_from;
        if (!kept && !appended) continue;
        const char written = now == nullptr ? '\0' : now->bytes[i];
        if (written != left->bytes[i])
          left->bytes[i] = garbled && !appended ? static_cast<char>(random.next()) : written;
      }
    }
    release(now);
    release(synced);
    file.now[index] = file.synced[index] = left;
  }
  if (file.size > file.synced_size) {
    file.size -= random.one_in(2) ? random.below(file.size - file.synced_size + 1) : 0;
  } else if (random.one_in(2)) {
    file.size = file.synced_size;
  }
  cut(file, file.size);
  for (size_t index = 0; index < file.now.size(); ++index) {
    if (file.synced[index] != file.now[index]) release(file.synced[index]);
    file.synced[index] = file.now[index];
  }
  file.synced_size = file.size;
  file.has_room = false;
}

void Disk::lose_power(Random& random) {
  for (File& file : nodes_) {
    lose_pages(file, random);
    size_t kept = random.below(file.changes.size() + 1);
    while (kept > 0 && kept < file.changes.size() && file.changes[kept - 1].with_the_next) --kept;
    for (size_t i = 0; i < kept; ++i) apply(file.synced_entries, file.changes[i]);
    file.changes.clear();
    file.entries = file.synced_entries;
    file.links = 0;
  }
  // What no directory names any more is gone.
  for (const File& directory : nodes_) {
    for (const auto& [name, node] : directory.entries) ++nodes_[node].links;
  }
  used_bytes_ = 0;
  for (const File& file : nodes_) used_bytes_ += file.links > 0 ? file.size : 0;
}

void Disk::flip_bit(Node node, uint64_t bit) {
  char byte = 0;
  read(node, &byte, 1, bit / 8);
  byte = static_cast<char>(byte ^ (1 << (bit % 8)));
  write(node, {&byte, 1}, bit / 8);
  sync(node);
}

}  // namespace millrace::simulation
