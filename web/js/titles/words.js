// What templates call their nodes and groups, and what that is in Chinese. English is the key.
// A title that is saved in a graph goes before the name that the editor would translate, so it is translated here.

import { NOTES } from "./notes.js";

const NODES = {
  "Clip": "片段",
  "Clip to latents": "片段转潜变量",
  "Close the loop": "闭合循环",
  "Conditioning": "条件",
  "Extend": "延长",
  "First picture": "第一张图片",
  "Generate": "生成",
  "Generate (KSampler)": "生成（KSampler）",
  "Head of the second clip": "第二个片段的开头",
  "Latents to pictures": "潜变量转图片",
  "Mask": "遮罩",
  "Mask for the model": "供模型使用的遮罩",
  "Mask to the latents": "遮罩写入潜变量",
  "Model": "模型",
  "Painted picture": "涂抹过的图片",
  "Part of the clip": "片段的一部分",
  "Pictures to latents": "图片转潜变量",
  "Pictures to video": "图片转视频",
  "Result": "结果",
  "Result against the truth": "结果与真实对比",
  "Room around the picture": "画面四周的空间",
  "Room between the frames": "帧间的空间",
  "Save the sheet": "保存总览图",
  "Save the video": "保存视频",
  "Second picture": "第二张图片",
  "Tail of the first clip": "第一个片段的结尾",
  "Text": "文本",
  "Text encoder": "文本编码器",
  "VAE": "VAE",
  "Wan VACE": "Wan VACE",
  "Wan VACE model": "Wan VACE 模型",
  "What happens": "发生什么",
  "What to change": "可以改什么",
  "Where the pictures stand": "图片的位置",
  "Your clip": "您的片段",
  "Your clip, or a sample": "您的片段或示例",
};
const GROUPS = { "Source": "来源", "Mask": "遮罩", "Generate": "生成", "Result": "结果" };

/** A translation {title, group, note} of texts into a language; what is not a template's own stays as it is. */
export function translation(locale) {
  const pairs = [["title", NODES], ["group", GROUPS], ["note", Object.fromEntries(NOTES)]];
  return Object.fromEntries(pairs.map(([kind, table]) => {
    const entries = Object.entries(table);
    const words = new Map(String(locale).startsWith("zh") ? entries : entries.map(([english, other]) => [other, english]));
    return [kind, (text) => words.get(text) ?? text];
  }));
}

/** Let a graph speak a language: titles of nodes and groups, and notes that nobody has changed. */
export function translate(nodes, groups, locale) {
  const words = translation(locale);
  for (const node of nodes) {
    if (node.title) node.title = words.title(node.title);
    const note = node.type === "MarkdownNote" ? node.widgets?.[0] : null;
    if (note) note.value = words.note(note.value);
  }
  for (const group of groups) group.title = words.group(group.title);
}
