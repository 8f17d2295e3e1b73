// Where programs and recorders find each other: a folder of the user's own, in it for each program
// that can be attached to a Unix socket, PID.sock, and a small JSON file, PID.json; for each
// recorder that has launched something the socket at which programs say hello,
// recorder-PID-NUMBER.sock.
//
// The folder is $XDG_RUNTIME_DIR/taskscope, or /tmp/taskscope-UID where that variable names no
// folder of ours or one whose path is too long for a socket. Both sides use these functions; a
// recorder looks into both folders, because a program may have been started with another
// environment. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/base/unique_fd.h"

namespace taskscope::trace_format {

// Set to 0 for a program that nobody shall attach to.
inline constexpr const char* kAttachVariable = "TASKSCOPE_ATTACH";

// Where this process would be found, and where others may be; the first is the first.
std::vector<std::string> attach_folders();

// Makes the folder if it is not there. An error if it is not the user's own or open to others.
Result<void> make_attach_folder(const std::string& folder);

// "FOLDER/PID.sock" and "FOLDER/PID.json".
std::string attach_socket_path(const std::string& folder, int pid);
std::string attach_info_path(const std::string& folder, int pid);

// "FOLDER/recorder-PID-NUMBER.sock"; `number` tells the recorders of one process apart.
std::string recorder_socket_path(const std::string& folder, int pid, std::uint32_t number);

// A connection to who listens at a socket. The error says what is in the way; if `stale` is set
// then, nobody listens there any more. Does not wait.
Result<base::UniqueFd> connect_to_socket(const std::string& socket_path, bool& stale);

// The process ids of the sockets in `folder`, in rising order; none if there is no such folder.
std::vector<int> programs_in(const std::string& folder);

// Removes what programs, or recorders, left there that are gone.
void remove_stale_programs(const std::string& folder);
void remove_stale_recorders(const std::string& folder);

}  // namespace taskscope::trace_format
