#include "viewer/platform/png_writer.h"

#include <fmt/format.h>
#include <png.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace taskscope::viewer {

Result<void> write_png(const Image& image, const std::string& path) {
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  png.width = static_cast<png_uint_32>(image.width);
  png.height = static_cast<png_uint_32>(image.height);
  png.format = PNG_FORMAT_RGB;
  std::vector<std::uint8_t> rgb;
  rgb.reserve(image.pixels.size() * 3);
  for (const std::uint32_t pixel : image.pixels) {
    rgb.push_back(static_cast<std::uint8_t>(pixel));
    rgb.push_back(static_cast<std::uint8_t>(pixel >> 8));
    rgb.push_back(static_cast<std::uint8_t>(pixel >> 16));
  }
  // Written beside the goal and renamed, so that nobody ever sees half a picture.
  const std::string part = path + ".part";
  std::FILE* file = std::fopen(part.c_str(), "wb");
  if (file == nullptr) {
    return Error{fmt::format("Cannot write the picture {}: {}.", path, std::strerror(errno))};
  }
  const bool drawn = png_image_write_to_stdio(&png, file, 0, rgb.data(), 0, nullptr) != 0;
  const std::string reason = drawn ? "" : png.message;
  const bool closed = std::fclose(file) == 0;
  if (!drawn || !closed || std::rename(part.c_str(), path.c_str()) != 0) {
    const std::string why = !drawn ? reason : std::strerror(errno);
    std::remove(part.c_str());
    return Error{fmt::format("Cannot write the picture {}: {}.", path, why)};
  }
  return {};
}

Result<Image> read_png(const std::string& path) {
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  if (png_image_begin_read_from_file(&png, path.c_str()) == 0) {
    return Error{fmt::format("Cannot read the picture {}: {}.", path, png.message)};
  }
  png.format = PNG_FORMAT_RGBA;
  Image image{static_cast<int>(png.width), static_cast<int>(png.height), {}};
  image.pixels.resize(static_cast<std::size_t>(png.width) * png.height);
  if (png_image_finish_read(&png, nullptr, image.pixels.data(), 0, nullptr) == 0) {
    return Error{fmt::format("Cannot read the picture {}: {}.", path, png.message)};
  }
  return image;
}

}  // namespace taskscope::viewer
