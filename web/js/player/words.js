// The words of the player, and what they are in Chinese. English is the key.

const CHINESE = {
  "Press Run: the result plays here.": "点击“运行”：结果在此播放。",
  "The frames are gone from the host: run again.": "主机上的帧已不存在：请重新运行。",
  "Player of the result: space plays, arrows choose a frame": "结果播放器：空格播放，方向键选择帧",
  "play or pause (space)": "播放或暂停（空格）",
  "speed": "速度",
  "how it goes on at the end": "结尾处如何继续",
  "loop": "循环",
  "back and forth": "往返",
  "once": "一次",
  "compare": "对比",
  "compare with the truth (C): drag the line": "与真实帧对比（C）：拖动分隔线",
  "compare with the source (C): drag the line": "与来源对比（C）：拖动分隔线",
  "truth": "真实",
  "source": "来源",
  "result": "结果",
  "no source for this frame": "此帧没有来源",
  "use frame": "使用此帧",
  "use this frame as an input picture": "把此帧用作输入图片",
  "picture of": "图片：",
  "keyframe of": "关键帧：",
  "new Load Image": "新建“加载图像”",
  "export": "导出",
  "save as mp4, gif, webp or png files": "保存为 mp4、gif、webp 或 png 文件",
  "all": "全部",
  "show all variations": "显示全部变体",
  "keep": "保留",
  "set the sampler to this seed alone": "让采样器只使用此种子",
  "seed": "种子",
  "frame": "帧",
  "given": "给定",
  "generated": "生成",
  "partly generated": "部分生成",
  "png files": "png 文件",
  "writing": "写入中",
  "sent to": "已发送到",
  "kept seed": "已保留种子",
  "sampling": "采样中",
};

/** A function that turns a text into the editor's language. */
export function translator(locale) {
  const chinese = String(locale ?? "").startsWith("zh");
  return (text) => (chinese && CHINESE[text]) || text;
}

export const WORDS = Object.keys(CHINESE);
