#include "viewer/platform/svg_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <string_view>
#include <tuple>

#include "viewer/platform/xml_text.h"

namespace taskscope::viewer {
namespace {

// At most two digits behind the point, and none that say nothing.
std::string number(float value) {
  std::string text = fmt::format("{:.2f}", value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text == "-0" ? "0" : text;
}

std::string color_text(ImU32 color) {
  return fmt::format("#{:02x}{:02x}{:02x}", color >> IM_COL32_R_SHIFT & 0xff,
                     color >> IM_COL32_G_SHIFT & 0xff, color >> IM_COL32_B_SHIFT & 0xff);
}

std::string opacity_text(ImU32 color, std::string_view attribute) {
  const unsigned alpha = color >> IM_COL32_A_SHIFT & 0xff;
  if (alpha == 255) return "";
  return fmt::format(" {}=\"{:.3f}\"", attribute, static_cast<double>(alpha) / 255);
}

bool inside(const Box& box, const Box& clip) {
  return box.x0 >= clip.x0 && box.y0 >= clip.y0 && box.x1 <= clip.x1 && box.y1 <= clip.y1;
}

Box bounds(const Shape& shape) {
  if (shape.kind != Shape::Kind::Triangle && shape.kind != Shape::Kind::Line) return shape.box;
  const ImVec2& a = shape.points[0];
  const ImVec2& b = shape.points[1];
  const ImVec2& c = shape.kind == Shape::Kind::Triangle ? shape.points[2] : b;
  const float more = shape.kind == Shape::Kind::Line ? shape.thickness : 0;
  return {std::min({a.x, b.x, c.x}) - more, std::min({a.y, b.y, c.y}) - more,
          std::max({a.x, b.x, c.x}) + more, std::max({a.y, b.y, c.y}) + more};
}

class SvgWriter {
 public:
  SvgWriter(const Fonts& fonts, const SvgOptions& options) : fonts_(fonts), options_(options) {}

  std::string write(const DrawingRecord& record) {
    for (const Shape& shape : record.shapes()) add(shape);
    end_run();
    return fmt::format(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" "
        "viewBox=\"0 0 {0} {1}\">\n<title>{2}</title>\n<style>{3}</style>\n"
        "<defs>\n{4}</defs>\n{5}</svg>\n",
        options_.width, options_.height, xml_text(options_.title), style(), definitions_, body_);
  }

 private:
  // Text of a font has a class, so that a person can give it another one.
  std::string style() const {
    std::string out = "text{white-space:pre}rect{shape-rendering:crispEdges}";
    for (std::size_t at = 0; at < fonts_.faces.size(); ++at) {
      const FontFace& face = fonts_.faces[at];
      out +=
          fmt::format(".f{}{{font:{} {}px {}}}", at, face.weight, number(face.em_px), face.family);
    }
    return out;
  }

  void add(const Shape& shape) {
    const Box seen = overlap(bounds(shape), shape.clip);
    if (seen.width() <= 0 || seen.height() <= 0 || shape.color >> IM_COL32_A_SHIFT == 0) return;
    switch (shape.kind) {
      case Shape::Kind::Fill:
        return rectangle(seen, shape.color);
      case Shape::Kind::Hatch:
        return hatch(seen, shape.color);
      case Shape::Kind::Triangle:
        return triangle(shape);
      case Shape::Kind::Line:
        return line(shape);
      case Shape::Kind::Text:
        return text(shape);
    }
  }

  static std::string rectangle_text(const Box& box) {
    return fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"", number(box.x0),
                       number(box.y0), number(box.width()), number(box.height()));
  }

  // Rectangles of one colour in a row share a group.
  void rectangle(const Box& box, ImU32 color) {
    if (!in_run_ || run_color_ != color) {
      end_run();
      body_ += fmt::format("<g fill=\"{}\"{}>\n", color_text(color),
                           opacity_text(color, "fill-opacity"));
      in_run_ = true;
      run_color_ = color;
    }
    body_ += rectangle_text(box) + "/>\n";
  }

  void end_run() {
    if (in_run_) body_ += "</g>\n";
    in_run_ = false;
  }

  // Stripes as in the font texture, with the phase of the whole picture.
  void hatch(const Box& box, ImU32 color) {
    end_run();
    const auto [known, fresh] = hatches_.try_emplace(color, hatches_.size());
    if (fresh) {
      const int period = fonts_.hatch_period;
      const auto stripe = static_cast<float>(period / 4 + 1);
      // Two parallelograms: the stripe of this tile and the rest of its neighbour's.
      definitions_ += fmt::format(
          "<pattern id=\"h{0}\" width=\"{1}\" height=\"{1}\" patternUnits=\"userSpaceOnUse\">"
          "<path d=\"M0 0H{2}L0 {2}zM{1} 0V{2}L{2} {1}H0z\" fill=\"{3}\"{4}/></pattern>\n",
          known->second, period, number(stripe), color_text(color),
          opacity_text(color, "fill-opacity"));
    }
    body_ += rectangle_text(box) + fmt::format(" fill=\"url(#h{})\"/>\n", known->second);
  }

  // Only what is really cut off needs a clip.
  std::string clip_text(const Shape& shape) {
    if (inside(bounds(shape), shape.clip)) return "";
    const Box& box = shape.clip;
    const auto [known, fresh] =
        clips_.try_emplace(std::tuple(box.x0, box.y0, box.x1, box.y1), clips_.size());
    if (fresh) {
      definitions_ +=
          fmt::format("<clipPath id=\"c{}\">{}/></clipPath>\n", known->second, rectangle_text(box));
    }
    return fmt::format(" clip-path=\"url(#c{})\"", known->second);
  }

  void triangle(const Shape& shape) {
    end_run();
    body_ += fmt::format(
        "<path d=\"M{} {}L{} {}L{} {}z\" fill=\"{}\"{}{}/>\n", number(shape.points[0].x),
        number(shape.points[0].y), number(shape.points[1].x), number(shape.points[1].y),
        number(shape.points[2].x), number(shape.points[2].y), color_text(shape.color),
        opacity_text(shape.color, "fill-opacity"), clip_text(shape));
  }

  void line(const Shape& shape) {
    end_run();
    // ImGui's lines go through the middles of pixels.
    body_ += fmt::format(
        "<path d=\"M{} {}L{} {}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\"{}{}/>\n",
        number(shape.points[0].x + 0.5F), number(shape.points[0].y + 0.5F),
        number(shape.points[1].x + 0.5F), number(shape.points[1].y + 0.5F), color_text(shape.color),
        number(shape.thickness), opacity_text(shape.color, "stroke-opacity"), clip_text(shape));
  }

  void text(const Shape& shape) {
    end_run();
    const auto face = std::find_if(fonts_.faces.begin(), fonts_.faces.end(),
                                   [&](const FontFace& known) { return known.font == shape.font; });
    body_ += fmt::format(
        "<text x=\"{}\" y=\"{}\" class=\"f{}\" textLength=\"{}\" "
        "lengthAdjust=\"spacingAndGlyphs\" fill=\"{}\"{}{}>{}</text>\n",
        number(shape.box.x0), number(shape.box.y0 + shape.font->Ascent),
        std::distance(fonts_.faces.begin(), face), number(shape.box.width()),
        color_text(shape.color), opacity_text(shape.color, "fill-opacity"), clip_text(shape),
        xml_text(shape.text));
  }

  const Fonts& fonts_;
  const SvgOptions& options_;
  std::string definitions_;
  std::string body_;
  bool in_run_ = false;
  ImU32 run_color_ = 0;
  std::map<ImU32, std::size_t> hatches_;
  std::map<std::tuple<float, float, float, float>, std::size_t> clips_;
};

}  // namespace

std::string to_svg(const DrawingRecord& record, const Fonts& fonts, const SvgOptions& options) {
  return SvgWriter(fonts, options).write(record);
}

}  // namespace taskscope::viewer
