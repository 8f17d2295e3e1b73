// Packets between this program and a recorder. Never waits. Any thread.
#pragma once

#include <cstddef>
#include <span>

#include "runtime/base/result.h"
#include "runtime/base/unique_fd.h"

namespace taskscope::instrument {

// One packet, with a descriptor beside it if `fd` is one.
Result<void> send_packet(int socket, const void* data, std::size_t bytes, int fd = -1);

// Nothing: no packet waits. Closed: the other end is gone. A descriptor that comes along goes to
// `descriptor`; without that, or if there are more, they are closed.
enum class Received { Packet, Nothing, Closed };
Received receive_packet(int socket, std::span<std::byte> room, std::size_t& bytes,
                        base::UniqueFd* descriptor = nullptr);

// The path of this program's file, zero-terminated.
void program_name(std::span<char> out);

}  // namespace taskscope::instrument
