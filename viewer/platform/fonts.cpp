#include "viewer/platform/fonts.h"

#include <ft2build.h>
#include <imgui.h>
#include <imgui_freetype.h>
#include FT_FREETYPE_H

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <initializer_list>

namespace taskscope::viewer {
namespace {

// Latin, Greek, Cyrillic, punctuation, arrows, mathematical signs.
constexpr std::array<ImWchar, 13> kRanges = {0x0020, 0x024f, 0x0370, 0x052f, 0x2010, 0x2044, 0x2070,
                                             0x20bf, 0x2190, 0x21ff, 0x2200, 0x22ff, 0};

// ImGui asserts on files that are no fonts, so look before it does.
bool is_font_file(const char* path) {
  std::FILE* file = std::fopen(path, "rb");
  if (file == nullptr) return false;
  std::array<unsigned char, 4> magic{};
  const bool whole = std::fread(magic.data(), 1, magic.size(), file) == magic.size();
  std::fclose(file);
  static constexpr std::array<unsigned char, 4> kTrueType = {0, 1, 0, 0};
  return whole && (magic == kTrueType || std::memcmp(magic.data(), "OTTO", 4) == 0 ||
                   std::memcmp(magic.data(), "true", 4) == 0);
}

struct FontFile {
  const char* path;
  const char* family;
};

// Letters' size in lines `line_px` high, as ImGui's FreeType builder takes line heights.
float em_px(const char* path, float line_px) {
  FT_Library library = nullptr;
  if (FT_Init_FreeType(&library) != 0) return line_px;
  FT_Face face = nullptr;
  float em = line_px;
  if (FT_New_Face(library, path, 0, &face) == 0) {
    const auto line = static_cast<float>(face->ascender - face->descender);
    if (line > 0) em = line_px * static_cast<float>(face->units_per_EM) / line;
    FT_Done_Face(face);
  }
  FT_Done_FreeType(library);
  return em;
}

ImFont* add_font(Fonts& fonts, std::initializer_list<FontFile> files, int weight, float size_px) {
  ImFontAtlas& atlas = *ImGui::GetIO().Fonts;
  ImFontConfig config;
  config.GlyphRanges = kRanges.data();
  config.PixelSnapH = true;
  config.OversampleH = 1;
  for (const FontFile& file : files) {
    if (!is_font_file(file.path)) continue;
    ImFont* font = atlas.AddFontFromFileTTF(file.path, size_px, &config);
    if (font == nullptr) continue;
    fonts.faces.push_back({font, file.family, weight, em_px(file.path, size_px)});
    return font;
  }
  ImFontConfig built_in;
  built_in.SizePixels = size_px;
  ImFont* font = atlas.AddFontDefault(&built_in);
  fonts.faces.push_back({font, "monospace", weight, size_px});
  return font;
}

void draw_hatch(ImFontAtlas& atlas, int rect_id, Fonts& fonts) {
  const ImFontAtlasCustomRect* rect = atlas.GetCustomRectByIndex(rect_id);
  const int period = fonts.hatch_period;
  for (int y = 0; y < rect->Height; ++y) {
    for (int x = 0; x < rect->Width; ++x) {
      const bool stripe = (x + y) % period < period / 4 + 1;
      atlas.TexPixelsAlpha8[(rect->Y + y) * atlas.TexWidth + rect->X + x] = stripe ? 255 : 0;
    }
  }
  fonts.texel = {1.0F / static_cast<float>(atlas.TexWidth),
                 1.0F / static_cast<float>(atlas.TexHeight)};
  fonts.hatch_uv0 = {static_cast<float>(rect->X) * fonts.texel.x,
                     static_cast<float>(rect->Y) * fonts.texel.y};
}

}  // namespace

Fonts load_fonts(float scale) {
  ImFontAtlas& atlas = *ImGui::GetIO().Fonts;
  atlas.FontBuilderIO = ImGuiFreeType::GetBuilderForFreeType();
  atlas.FontBuilderFlags = ImGuiFreeTypeBuilderFlags_LightHinting;
  const auto size = [scale](float at_1) { return std::round(at_1 * scale); };
  // Line heights; the letters of Inter stand 12 and 10 px high in them.
  Fonts fonts;
  const FontFile inter{"/usr/share/fonts/opentype/inter/Inter-Regular.otf", "Inter, sans-serif"};
  const FontFile dejavu{"/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
                        "DejaVu Sans, sans-serif"};
  fonts.text = add_font(fonts, {inter, dejavu}, 400, size(15));
  fonts.small = add_font(fonts, {inter, dejavu}, 400, size(13));
  fonts.strong =
      add_font(fonts,
               {{"/usr/share/fonts/opentype/inter/Inter-SemiBold.otf", "Inter, sans-serif"},
                {"/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf", dejavu.family}},
               600, size(15));
  fonts.mono = add_font(
      fonts,
      {{"/usr/share/fonts/truetype/jetbrains-mono/JetBrainsMono-Regular.ttf",
        "JetBrains Mono, monospace"},
       {"/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf", "DejaVu Sans Mono, monospace"}},
      400, size(15));
  fonts.hatch_period = std::max(4, static_cast<int>(std::lround(6 * scale)));
  fonts.hatch_size = 128 + fonts.hatch_period;
  const int rect = atlas.AddCustomRectRegular(fonts.hatch_size, fonts.hatch_size);
  unsigned char* texels = nullptr;
  int width = 0;
  int height = 0;
  atlas.GetTexDataAsAlpha8(&texels, &width, &height);
  draw_hatch(atlas, rect, fonts);
  return fonts;
}

}  // namespace taskscope::viewer
