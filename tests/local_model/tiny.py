"""A language model of a few thousand random weights: `python tiny.py FOLDER` makes it there, without a download.

It knows some words, and babbles them; but it is served like any other.
"""

import sys

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

FOLDER = sys.argv[1]
WORDS = ["<s>", "</s>", "<unk>", *(f"{first}{second}" for first in "bdgklmnrst" for second in "aeiou")]

torch.manual_seed(7)
words = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="<unk>"))
words.pre_tokenizer = pre_tokenizers.Whitespace()
tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, bos_token="<s>", eos_token="</s>", unk_token="<unk>")
tokenizer.chat_template = "{% for m in messages %}{{ m['role'] }} : {{ m['content'] }} {% endfor %}"
tokenizer.save_pretrained(FOLDER)
LlamaForCausalLM(
    LlamaConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=512,
        bos_token_id=0,
        eos_token_id=1,
    )
).save_pretrained(FOLDER)
